// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <type_traits>

namespace tests {

// A register-sized argument from any integer, enum, pointer or nullptr. Signed integers are sign-extended, so -1 is all
// ones whatever its width (a variadic ::syscall leaves the upper half of an int undefined).
template <typename T>
long SyscallWord(T value) {
  if constexpr (std::is_null_pointer_v<T>) {
    return 0;
  } else if constexpr (std::is_pointer_v<T>) {
    return static_cast<long>(reinterpret_cast<uintptr_t>(value));
  } else {
    return static_cast<long>(value);
  }
}

// Makes the system call with no help from libc: no vDSO, no cancellation point, no argument is looked at.
// Returns the kernel's value, or -1 with errno set. Safe after fork.
//   PASS: EXPECT_THAT(RawSyscall(SYS_getpid), SyscallSucceeds());
//   FAIL: EXPECT_THAT(RawSyscall(SYS_close, -1), SyscallSucceeds());
template <typename... Args>
long RawSyscall(long number, Args... args) {
  return ::syscall(number, SyscallWord(args)...);
}

// A pointer to memory that is never mapped (below vm.mmap_min_addr), aligned for any type. The compiler does not see
// the value, so it can warn about nothing.
//   PASS: EXPECT_THAT(RawSyscall(SYS_pipe, BadPointer<int>()), SyscallFailsWithErrno(EFAULT));
//   FAIL: *BadPointer<int>() = 1;   // SIGSEGV
template <typename T = void>
T* BadPointer() {
  volatile uintptr_t address = 0x40;
  return reinterpret_cast<T*>(address);
}

// A pointer outside the user half of the address space: refused by range, not by a fault.
template <typename T = void>
T* KernelPointer() {
  volatile uintptr_t address = 0xffff800000001000;
  return reinterpret_cast<T*>(address);
}

inline constexpr size_t kPageSize = 4096;

}  // namespace tests
