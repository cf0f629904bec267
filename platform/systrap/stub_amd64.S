// SPDX-License-Identifier: Apache-2.0
// The code page of every stub. Position-independent, no stack, no writable data. README.md: "The stub's code".
#include "platform/systrap/stub_layout.h"

#define NR_RT_SIGPROCMASK 14
#define NR_RT_SIGRETURN 15
#define NR_MMAP 9
#define NR_EXIT 60
#define NR_FUTEX 202
#define NR_SECCOMP 317

    .section .rodata.systrap_stub, "a", @progbits
    .balign 4096
    .globl systrap_stub_begin, systrap_stub_end, systrap_stub_boot, systrap_stub_handler, systrap_stub_park
    .globl systrap_stub_restorer, systrap_stub_exit, systrap_stub_hello, systrap_stub_helper_mask
systrap_stub_begin:

// ---- The privileged zone: helper threads only. Registers and the read-only command page; nothing the guest can write.
//   r15 command page      rbp next entry       rbx entries left
//   r12 entries done      r13 last result      r14 cookie of the last command
// An entry's kind is loaded into rsp before the system call: a clone's child must not read the command page of its
// parent, which may hold the next command by then.

// Starts a helper: runs the list in the command page. The zygote comes here from its C++ code.
systrap_stub_boot:
    movabs $STUB_COMMAND, %r15
    xor %r13d, %r13d
run_page:
    mov COMMAND_COUNT(%r15), %rbx
run_count:
    mov COMMAND_COOKIE(%r15), %r14
    lea COMMAND_ENTRIES(%r15), %rbp
    xor %r12d, %r12d
next_entry:
    test %rbx, %rbx
    jle wait
    mov ENTRY_KIND(%rbp), %rsp
    mov ENTRY_NUMBER(%rbp), %rax
    mov ENTRY_ARGUMENTS(%rbp), %rdi
    mov ENTRY_ARGUMENTS+8(%rbp), %rsi
    mov ENTRY_ARGUMENTS+16(%rbp), %rdx
    mov ENTRY_ARGUMENTS+24(%rbp), %r10
    mov ENTRY_ARGUMENTS+32(%rbp), %r8
    mov ENTRY_ARGUMENTS+40(%rbp), %r9
    add $COMMAND_ENTRY_SIZE, %rbp
    inc %r12
    dec %rbx
    cmp $KIND_EXCHANGE, %rsp
    je exchange
    syscall
    mov %rax, %r13
    cmp $-4095, %rax
    jae wait
    test %rsp, %rsp
    jz next_entry
    cmp $KIND_THREAD, %rsp
    jne after_fork
    test %rax, %rax
    jz thread_start
    jmp next_entry
after_fork:
    test %rax, %rax
    jnz wait
    // The child: its own command page first, from registers only (r8 descriptor, r9 offset: unused by this clone).
    mov %r15, %rdi
    mov $4096, %esi
    mov $1, %edx
    mov $0x11, %r10d
    mov $NR_MMAP, %eax
    syscall
    cmp %r15, %rax
    jne die
    xor %r13d, %r13d
    jmp run_page

wait:
    mov %r13, %rdi
    mov %r12, %rsi
    mov %r14, %rdx
    mov $STUB_NR_WAIT, %eax
    syscall
    test %rax, %rax
    js die                    // The listener is gone, so is the sentry.
    mov %rax, %rbx
    bt $STUB_REPLY_SLEEP_BIT, %rax
    jnc run_count
    mov %eax, %ebp
1:  lea COMMAND_WORD(%r15), %rdi
    xor %esi, %esi
    mov %ebp, %edx
    xor %r10d, %r10d
    mov $NR_FUTEX, %eax
    syscall
    cmp %ebp, COMMAND_WORD(%r15)
    je 1b
    jmp run_page

// Compare-and-exchange of a guest word: rdi address, esi expected, edx desired, r10 a stack for the frame of a fault
// (written by the kernel, never read again).
exchange:
    mov %r10, %rsp
    mov %esi, %eax
    lock cmpxchg %edx, (%rdi)
    mov %eax, %r13d
    jmp next_entry
// The handler sends a fault of the helper here: nothing is taken from the frame.
helper_fault:
    mov $2, %edi
    lea systrap_stub_helper_mask(%rip), %rsi
    xor %edx, %edx
    mov $8, %r10d
    mov $NR_RT_SIGPROCMASK, %eax
    syscall
    test %rax, %rax
    jnz die
    mov $-14, %r13
    jmp wait

// A new guest thread: r8 cookie, r9 slot. The installation of its filter is notified, which tells the sentry its id.
// Nothing shared is read before it has succeeded.
thread_start:
    mov %r8, %r10
    mov $1, %edi
    xor %esi, %esi
    movabs $STUB_FILTERS, %rdx
    mov $NR_SECCOMP, %eax
    syscall
systrap_stub_hello:
    test %rax, %rax
    jz thread_ready
die:
    ud2
    .org systrap_stub_begin + STUB_ZONE_SIZE, 0xcc  // An error here: the zone is too small.
// ---- Unprivileged: guest threads may jump anywhere here.
thread_ready:
    mov %r9, %r12
    mov SLOT_START_WORD(%r12), %eax
    test %eax, %eax
    jnz thread_sleep
thread_leave:
    mov SLOT_FS_BASE(%r12), %rax
    wrfsbase %rax
    mov SLOT_GS_BASE(%r12), %rax
    wrgsbase %rax
    mov SLOT_FRAME(%r12), %rsp
    jmp systrap_stub_restorer

// Every host signal: rdi signal, rsi siginfo, rdx ucontext, on the alternate stack inside the thread's slot, all signals
// blocked. Registers need no saving: the frame has them.
systrap_stub_handler:
    movabs $STUB_COMMAND, %rax
    cmp %rax, %r15            // A guest thread with this value there goes into the zone and dies.
    je helper_fault
    mov %rsp, %r12
    and $-STUB_SLOT_SIZE, %r12
    rdfsbase %rax
    mov %rax, SLOT_FS_BASE(%r12)
    rdgsbase %rax
    mov %rax, SLOT_GS_BASE(%r12)
    mov $STUB_NR_PARK, %eax
    syscall
systrap_stub_park:
    test %rax, %rax
    js dead
    bt $STUB_REPLY_SLEEP_BIT, %rax
    jnc thread_leave
thread_sleep:
    mov %eax, %ebp
1:  lea SLOT_WORD(%r12), %rdi
    xor %esi, %esi
    mov %ebp, %edx
    xor %r10d, %r10d
    mov $NR_FUTEX, %eax
    syscall
    cmp %ebp, SLOT_WORD(%r12)
    je 1b
    jmp thread_leave
systrap_stub_restorer:
    mov $NR_RT_SIGRETURN, %eax
    syscall
dead:
    ud2
// The sentry points a frame here to end one thread.
systrap_stub_exit:
    xor %edi, %edi
    mov $NR_EXIT, %eax
    syscall
    ud2

#include "platform/systrap/stub_hot_amd64.inc"

    .balign 8
// The signals a helper blocks: all but SIGSEGV and SIGBUS (helper_fault).
systrap_stub_helper_mask:
    .quad ~((1 << 10) | (1 << 6))
systrap_stub_end:
    .org systrap_stub_begin + STUB_CODE_SIZE, 0xcc  // An error here: the code does not fit its page.
    .section .note.GNU-stack, "", @progbits
