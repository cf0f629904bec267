// SPDX-License-Identifier: Apache-2.0
// The code page of every stub. Position-independent, no stack, no writable data. A guest may jump anywhere here: it finds
// a system call, which is one of its own, or a breakpoint.
#include "platform/ptrace/stub_layout.h"

#define NR_PAUSE 34

    .section .rodata.ptrace_stub, "a", @progbits
    .balign 4096
    .globl ptrace_stub_begin, ptrace_stub_end, ptrace_stub_boot, ptrace_stub_call, ptrace_stub_called
    .globl ptrace_stub_exchange, ptrace_stub_exchanged, ptrace_stub_handler, ptrace_stub_handled
ptrace_stub_begin:
// The zygote waits here to be traced.
ptrace_stub_boot:
    mov $NR_PAUSE, %eax
    syscall
    jmp ptrace_stub_boot

// Injected calls: the tracer sets the registers and lets the thread run to the breakpoint. The filter knows the address
// behind the instruction.
ptrace_stub_call:
    syscall
ptrace_stub_called:
    int3

// Compare-and-exchange of a guest word: rdi address, eax expected, edx desired.
ptrace_stub_exchange:
    lock cmpxchg %edx, (%rdi)
ptrace_stub_exchanged:
    int3

// The handler of synchronous signals, entered only when the tracer wants to see the frame.
ptrace_stub_handler:
    int3
ptrace_stub_handled:
    ud2
ptrace_stub_end:
    .org ptrace_stub_begin + STUB_CODE_SIZE, 0xcc

// ---- The sentry's own: long waitid_or_bell(idtype, id, siginfo*, options, const uint32_t* bell)
// waitid(2), but -EINTR at once when *bell is not 0. The handler of the tracer's bell signal moves a thread that stands
// between the look at the word and the system call to `rung`, so no bell is lost.
    .text
    .globl ptrace_wait, ptrace_wait_window, ptrace_wait_end, ptrace_wait_rung, ptrace_bell_restorer
    .type ptrace_wait, @function
ptrace_wait:
    mov %rcx, %r10
    mov %r8, %r9
    xor %r8d, %r8d
    mov $247, %eax
ptrace_wait_window:
    cmpl $0, (%r9)
    jne ptrace_wait_rung
    syscall
ptrace_wait_end:
    ret
ptrace_wait_rung:
    mov $-4, %rax
    ret
    .size ptrace_wait, . - ptrace_wait
    .type ptrace_bell_restorer, @function
ptrace_bell_restorer:
    mov $15, %eax
    syscall
    .size ptrace_bell_restorer, . - ptrace_bell_restorer
    .section .note.GNU-stack, "", @progbits
