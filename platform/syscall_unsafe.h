// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace platform {

template <typename T>
inline uint64_t RawArgument(T value) {
  if constexpr (__is_enum(T)) {
    return static_cast<uint64_t>(value);
  } else {
    return (uint64_t)value;  // NOLINT(google-readability-casting): pointers and integers alike.
  }
}

// A host system call that leaves errno alone: returns the value, or -errno. errno is thread-local, and this code runs
// on fibers that change threads; in a freshly forked zygote there may be no thread-local storage to speak of.
template <typename A = int, typename B = int, typename C = int, typename D = int, typename E = int, typename F = int>
inline long RawSyscall(long number, A a = 0, B b = 0, C c = 0, D d = 0, E e = 0, F f = 0) {
  long result;
  register uint64_t r10 __asm__("r10") = RawArgument(d);
  register uint64_t r8 __asm__("r8") = RawArgument(e);
  register uint64_t r9 __asm__("r9") = RawArgument(f);
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(RawArgument(a)), "S"(RawArgument(b)), "d"(RawArgument(c)), "r"(r10), "r"(r8),
                     "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

}  // namespace platform
