// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>

#if !defined(NDEBUG) && (!defined(__clang_major__) || __clang_major__ >= 16)
#define RUNSC_ERRNO_LOCATION 1
#include <source_location>
#endif

namespace base {

// An error number of the guest-visible ABI (errno(3)). Never 0, never a restart code (see sys_error.h).
// In debug builds it remembers where it was made, so that strace output can show where an EINVAL was born.
class Errno {
 public:
#ifdef RUNSC_ERRNO_LOCATION
  constexpr explicit Errno(int code, std::source_location where = std::source_location::current())
      : code_(code), file_(where.file_name()), line_(static_cast<int>(where.line())) {
    if (code <= 0 || code > 4095) __builtin_trap();
  }
  constexpr const char* file() const { return file_; }
  constexpr int line() const { return line_; }
#else
  constexpr explicit Errno(int code) : code_(code) {
    if (code <= 0 || code > 4095) __builtin_trap();
  }
  constexpr const char* file() const { return nullptr; }
  constexpr int line() const { return 0; }
#endif

  constexpr int code() const { return code_; }
  friend constexpr bool operator==(Errno a, Errno b) { return a.code_ == b.code_; }

 private:
  int code_;
#ifdef RUNSC_ERRNO_LOCATION
  const char* file_;
  int line_;
#endif
};

// The symbolic name ("ENOENT"), or "E<number>" text for an unknown one. Static storage.
const char* ErrnoName(int code);

}  // namespace base
