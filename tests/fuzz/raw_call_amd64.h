// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/syscall.h>

namespace fuzz {

// A system call and nothing else: no errno, no cancellation. Returns what the kernel returned.
inline long RawCall(long number, const unsigned long arguments[6]) {
  register unsigned long r10 asm("r10") = arguments[3];
  register unsigned long r8 asm("r8") = arguments[4];
  register unsigned long r9 asm("r9") = arguments[5];
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(arguments[0]), "S"(arguments[1]), "d"(arguments[2]), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}

// The same for clone, clone3 and vfork: a child makes two calls and ends, without touching memory or its stack.
inline long RawCloneCall(long number, const unsigned long arguments[6]) {
  register unsigned long r10 asm("r10") = arguments[3];
  register unsigned long r8 asm("r8") = arguments[4];
  register unsigned long r9 asm("r9") = arguments[5];
  long result;
  asm volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "mov %[yield], %%eax\n\t"
      "syscall\n\t"
      "xor %%edi, %%edi\n\t"
      "mov %[exit], %%eax\n\t"
      "syscall\n\t"
      "ud2\n"
      "1:"
      : "=a"(result)
      : "a"(number), "D"(arguments[0]), "S"(arguments[1]), "d"(arguments[2]), "r"(r10), "r"(r8),
        "r"(r9), [yield] "i"(SYS_sched_yield), [exit] "i"(SYS_exit)
      : "rcx", "r11", "memory");
  return result;
}

}  // namespace fuzz
