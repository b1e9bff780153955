# syscall(2): as the C library's, but that calls which take or give ids are translated when ids are virtual or clocks are not the machine's (raw_calls.cpp),
# and what the kernel does not tell of asynchronous I/O and System V objects is noted (hijack/interpose/io_contexts.cpp, hijack/interpose/rings.cpp, hijack/virt/system_v.cpp).
#
# Calls that make a task return in it, too, maybe on another stack, so nothing may be on the stack then; the kernel's id is returned for those.
# A thread that is stopped at stasis_raw_call_made has the number of its call right below its stack pointer (hijack/engine/restart_call.cpp).
# World: hijack, any thread.
        .text
        .globl  syscall, stasis_raw_call_made
        .hidden stasis_raw_call_made
        .type   syscall, @function
syscall:
        .cfi_startproc
        endbr64
        leaq    -206(%rdi), %rax        # io_setup, io_destroy, io_getevents, io_submit
        cmpq    $3, %rax
        jbe     stasis_io_call
        leaq    -425(%rdi), %rax        # io_uring_setup, io_uring_enter, io_uring_register
        cmpq    $2, %rax
        jbe     stasis_ring_call
        cmpq    $9, %rdi                # mmap
        je      stasis_ring_call
        cmpq    $11, %rdi               # munmap
        je      stasis_ring_call
        leaq    -29(%rdi), %rax         # shmget, shmat, shmctl
        cmpq    $2, %rax
        jbe     stasis_system_v_call
        leaq    -64(%rdi), %rax         # semget, semop, semctl
        cmpq    $2, %rax
        jbe     stasis_system_v_call
        leaq    -68(%rdi), %rax         # msgget, msgsnd, msgrcv, msgctl
        cmpq    $3, %rax
        jbe     stasis_system_v_call
        cmpq    $220, %rdi              # semtimedop
        je      stasis_system_v_call
        cmpb    $0, stasis_calls_are_translated(%rip)
        jne     2f
1:      movq    %rdi, -8(%rsp)
        movq    %rdi, %rax
        movq    %rsi, %rdi
        movq    %rdx, %rsi
        movq    %rcx, %rdx
        movq    %r8, %r10
        movq    %r9, %r8
        movq    8(%rsp), %r9
        syscall
stasis_raw_call_made:
        cmpq    $-4095, %rax
        jae     3f
        ret
2:      cmpq    $56, %rdi               # clone
        je      1b
        cmpq    $57, %rdi               # fork
        je      1b
        cmpq    $58, %rdi               # vfork
        je      1b
        cmpq    $435, %rdi              # clone3
        je      1b
        jmp     stasis_translated_call
3:      movq    %rax, %rdi
        jmp     stasis_failed_call
        .cfi_endproc
        .size   syscall, .-syscall
        .section .note.GNU-stack, "", @progbits
