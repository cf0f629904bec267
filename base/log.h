// SPDX-License-Identifier: Apache-2.0
// Logging for the sentry, the gofer and everything below runsc: formats into a stack buffer and writes one line to an
// already open descriptor. Opens nothing, allocates nothing, takes no lock: safe under the sentry's seccomp filter and
// after fork. (glog lives in runsc/ only.)
#pragma once

#include <atomic>
#include <cstdint>

namespace base {

enum class LogLevel : int { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3, kOff = 4 };

// The descriptor that receives the lines (default: standard error) and the least level that is written
// (default: kWarning). Set once at start, before other threads run.
void SetLog(int fd, LogLevel least);
bool LogEnabled(LogLevel level);
// Writes one line: level, monotonic seconds, file:line, text. Longer lines than 1 KiB are cut. printf(3) format.
void LogLine(LogLevel level, const char* file, int line, const char* format, ...) __attribute__((format(printf, 4, 5)));

}  // namespace base

#define RUNSC_LOG(level, ...)                                  \
  do {                                                         \
    if (::base::LogEnabled(level)) [[unlikely]]                \
      ::base::LogLine(level, __FILE__, __LINE__, __VA_ARGS__); \
  } while (0)
#define RUNSC_DEBUG(...) RUNSC_LOG(::base::LogLevel::kDebug, __VA_ARGS__)
#define RUNSC_INFO(...) RUNSC_LOG(::base::LogLevel::kInfo, __VA_ARGS__)
#define RUNSC_WARN(...) RUNSC_LOG(::base::LogLevel::kWarning, __VA_ARGS__)
#define RUNSC_ERROR(...) RUNSC_LOG(::base::LogLevel::kError, __VA_ARGS__)
// Writes at most once per place.
#define RUNSC_WARN_ONCE(...)                                                              \
  do {                                                                                    \
    static std::atomic<bool> logged_once_{false};                                         \
    if (!logged_once_.exchange(true, std::memory_order_relaxed)) RUNSC_WARN(__VA_ARGS__); \
  } while (0)

// Ends the process with a line naming the broken invariant: for what must hold whatever the guest does.
#define CHECK_INVARIANT(condition)                             \
  do {                                                         \
    if (!(condition)) [[unlikely]]                             \
      ::base::InvariantBroken(#condition, __FILE__, __LINE__); \
  } while (0)

namespace base {
[[noreturn]] void InvariantBroken(const char* condition, const char* file, int line);
}  // namespace base
