// SPDX-License-Identifier: Apache-2.0
// Guest code for tests: position-independent, no stack, no memory but what a register points to. rbx counts.
    .section .rodata.systrap_guest, "a", @progbits
    .balign 4096
    .globl guest_code_begin, guest_code_end
guest_code_begin:

// rbx times the system call r12 with the argument registers as they are, then exit(rax of the last).
    .globl guest_loop
guest_loop:
1:  mov %r12, %rax
    syscall
    dec %rbx
    jnz 1b
// exit(rax).
    .globl guest_exit
guest_exit:
    mov %rax, %rdi
    mov $60, %eax
    syscall
    ud2

// The system call in rax, then exit(its result).
    .globl guest_once
guest_once:
    syscall
    jmp guest_exit

// Counts at (%rdi) for ever.
    .globl guest_spin
guest_spin:
    incq (%rdi)
    jmp guest_spin

// Counts at (%rdi) for ever and makes call r12 each time round.
    .globl guest_spin_call
guest_spin_call:
    incq (%rdi)
    mov %r12, %rax
    syscall
    jmp guest_spin_call

// Reads (%rdi), then exit(what was there).
    .globl guest_load
guest_load:
    mov (%rdi), %rax
    jmp guest_exit

// rbx times a call at a site that can be patched, then exit(how often something was wrong). The answer must be the first
// argument plus one; registers and flags must stay.
    .globl guest_hot, guest_hot_site_end
guest_hot:
    xor %r12d, %r12d
1:  mov %rbx, %rdi
    lea 1(%rbx), %rsi
    lea 2(%rbx), %rdx
    lea 3(%rbx), %r10
    lea 4(%rbx), %r8
    lea 5(%rbx), %r9
    mov $0x7fffffff, %ebp
    test $1, %bl
    jz 2f
    add $1, %ebp              // OF SF AF PF; no CF, no ZF.
    jmp 3f
2:  mov $-1, %ebp
    add $1, %ebp              // CF ZF AF PF; no OF, no SF.
3:  mov $110, %eax
    syscall
guest_hot_site_end:
    jo 4f
    js 9f
    jnc 9f
    jnz 9f
    test $1, %bl
    jnz 9f
    jmp 5f
4:  jns 9f
    jc 9f
    jz 9f
    test $1, %bl
    jz 9f
5:  lea 1(%rbx), %r13
    cmp %r13, %rax
    jne 9f
    cmp %rbx, %rdi
    jne 9f
    cmp %r13, %rsi
    jne 9f
    lea 2(%rbx), %r13
    cmp %r13, %rdx
    jne 9f
    lea 3(%rbx), %r13
    cmp %r13, %r10
    jne 9f
    lea 4(%rbx), %r13
    cmp %r13, %r8
    jne 9f
    lea 5(%rbx), %r13
    cmp %r13, %r9
    jne 9f
6:  dec %rbx
    jnz 1b
    mov %r12, %rax
    jmp guest_exit
9:  inc %r12
    jmp 6b

// rbx times: writes (write(1, rsp-256, 200)), then reads back (read(0, rsp-600, 200)) at sites as the C library has them,
// then exit(how often the bytes differed or the result was wrong). The test's answers are an echo.
    .globl guest_echo, guest_echo_write_end, guest_echo_read_end
guest_echo:
    xor %r12d, %r12d
    cld
1:  lea -256(%rsp), %rdi
    mov %rbx, %rax
    mov $200, %ecx
    rep stosb
    mov $1, %edi
    lea -256(%rsp), %rsi
    mov $200, %edx
    mov $1, %eax
    syscall
guest_echo_write_end:
    cmp $200, %rax
    jne 9f
    xor %edi, %edi
    lea -600(%rsp), %rsi
    mov $200, %edx
    call guest_echo_read
    cmp $200, %rax
    jne 9f
    lea -256(%rsp), %rdi
    lea -600(%rsp), %rsi
    mov $200, %ecx
    repe cmpsb
    jne 9f
6:  dec %rbx
    jnz 1b
    mov %r12, %rax
    jmp guest_exit
9:  inc %r12
    jmp 6b
    .balign 16
guest_echo_read:
    nopl 0(%rax)
    nop
    nop
    xor %eax, %eax
    syscall
guest_echo_read_end:
    cmp $0xfffffffffffff000, %rax
    ja 2f
    ret
    .byte 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0
    .balign 16
2:  ret

// rbx times getppid and, every other time, getpid through the C library's syscall(2), with all six arguments; then
// exit(how often the answer was not the first argument plus one, or a register had changed).
    .globl guest_hot_any, guest_hot_any_end
guest_hot_any:
    xor %r12d, %r12d
1:  mov $110, %edi
    test $1, %bl
    jz 2f
    mov $39, %edi
2:  mov %rbx, %rsi
    lea 1(%rbx), %rdx
    lea 2(%rbx), %rcx
    lea 3(%rbx), %r8
    lea 4(%rbx), %r9
    lea 5(%rbx), %r13
    push %r13
    call guest_syscall
    pop %r13
    cmp %r13, %r9
    jne 9f
    lea 1(%rbx), %r13
    cmp %r13, %rax
    jne 9f
    cmp %rbx, %rdi
    jne 9f
    cmp %r13, %rsi
    jne 9f
    lea 2(%rbx), %r13
    cmp %r13, %rdx
    jne 9f
    lea 3(%rbx), %r13
    cmp %r13, %r10
    jne 9f
    lea 4(%rbx), %r13
    cmp %r13, %r8
    jne 9f
6:  dec %rbx
    jnz 1b
    mov %r12, %rax
    jmp guest_exit
9:  inc %r12
    jmp 6b
guest_syscall:
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %rcx, %rdx
    mov %r8, %r10
    mov %r9, %r8
    mov 8(%rsp), %r9
    syscall
guest_hot_any_end:
    cmp $-4095, %rax
    jae 2f
    ret
2:  ret

// rbx times stat(2) of "a/path", then exit(how often it was wrong). The structure's bytes must be the third argument's
// lowest.
    .globl guest_stat, guest_stat_end
guest_stat:
    xor %r12d, %r12d
1:  lea guest_stat_path(%rip), %rdi
    lea -400(%rsp), %rsi
    mov %rbx, %rdx
    mov %rsi, %r13
    mov %rdi, %r14
    lea 3(%rbx), %r10
    mov $4, %eax
    syscall
guest_stat_end:
    test %rax, %rax
    jne 9f
    cmp %r13, %rsi
    jne 9f
    cmp %r14, %rdi
    jne 9f
    sub $3, %r10
    cmp %rbx, %r10
    jne 9f
    cmp %bl, (%rsi)
    jne 9f
    cmp %bl, 143(%rsi)
    jne 9f
6:  dec %rbx
    jnz 1b
    mov %r12, %rax
    jmp guest_exit
9:  inc %r12
    jmp 6b
guest_stat_path:
    .asciz "a/path"

// Posts a request of number rbp in its own slot, waits a little for somebody to take it, and makes a plain call; for ever.
    .globl guest_forge, guest_forge_site_end
guest_forge:
    rdgsbase %rbx
    mov %rbp, 136(%rbx)
    movl $8, 128(%rbx)
    mov $10000, %ecx
1:  pause
    testl $8, 128(%rbx)
    jz 2f
    dec %ecx
    jnz 1b
2:  mov $39, %eax
    syscall
guest_forge_site_end:
    jmp guest_forge

    .globl guest_undefined
guest_undefined:
    ud2

    .globl guest_breakpoint
guest_breakpoint:
    int3
    jmp guest_exit

    .globl guest_divide
guest_divide:
    xor %edx, %edx
    xor %ecx, %ecx
    div %ecx

    .globl guest_int80
guest_int80:
    int $0x80
    jmp guest_exit

// xmm0 = rdi twice, ymm1's upper half = rsi; call rax; exit if changed with the low byte of the difference, else call r12
// with the result of the first in rdi, then exit(0).
    .globl guest_floating
guest_floating:
    movq %rdi, %xmm0
    movq %rsi, %xmm1
    vinsertf128 $1, %xmm1, %ymm1, %ymm1
    syscall
    mov %rax, %r13
    movq %xmm0, %r8
    sub %rdi, %r8
    vextractf128 $1, %ymm1, %xmm2
    movq %xmm2, %r9
    sub %rsi, %r9
    or %r9, %r8
    mov %r8, %rax
    jnz guest_exit
    mov %r13, %rdi
    mov %r12, %rax
    syscall
    xor %eax, %eax
    jmp guest_exit

// Waits until the word at (%rdi) is not esi, spinning; then exit(it).
    .globl guest_wait_word
guest_wait_word:
    mov (%rdi), %eax
    cmp %esi, %eax
    jne guest_exit
    pause
    jmp guest_wait_word

// Calls r12 (which it shall make itself), then spins until the word at (%r13) is not 0, then exit(that call's result).
    .globl guest_call_then_wait
guest_call_then_wait:
    mov %r12, %rax
    syscall
1:  cmpl $0, (%r13)
    jne guest_exit
    pause
    jmp 1b

// Jumps to rdx with everything else as it is.
    .globl guest_jump
guest_jump:
    jmp *%rdx

// Calls the function at rdx (on the stack in rsp) rbx times with rdi, rsi; then exit(its result).
    .globl guest_call_function
guest_call_function:
    mov %rdi, %r12
    mov %rsi, %r13
    mov %rdx, %r14
1:  mov %r12, %rdi
    mov %r13, %rsi
    call *%r14
    dec %rbx
    jnz 1b
    jmp guest_exit

// Reads %fs:0, then exit(what was there).
    .globl guest_fs
guest_fs:
    mov %fs:0, %rax
    jmp guest_exit

guest_code_end:
    .org guest_code_begin + 4096, 0xcc
    .section .note.GNU-stack, "", @progbits
