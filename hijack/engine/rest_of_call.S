# The rest of a system call, see rest_of_call.hpp. Unwinders pass through it as through any function (the thread may be cancelled here).
# World: hijack, any thread.
        .text

# In: rax what is done and (from bit 32) all there is to do, rcx where to go back to, r11 the number and (from bit 32) whether it is about a socket, the others as the program had them. Out: as after a system call.
        .globl  stasis_rest_of_call
        .hidden stasis_rest_of_call
        .type   stasis_rest_of_call, @function
        .balign 16, 0x90
        nop                             # what is before it is not taken for a call that has returned
        nop
stasis_rest_of_call:
        .cfi_startproc
        .cfi_def_cfa rsp, 0
        .cfi_register rip, rcx
        leaq    -128(%rsp), %rsp        # the red zone
        .cfi_adjust_cfa_offset 128
        pushq   %rcx
        .cfi_adjust_cfa_offset 8
        .cfi_offset rip, -136
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_offset rbp, -144
        movq    %rsp, %rbp
        .cfi_def_cfa_register rbp
        subq    $80, %rsp               # RestOfCall
        andq    $-16, %rsp
        movq    %r11, (%rsp)
        movq    %rax, 8(%rsp)
        movq    %rdi, 16(%rsp)
        movq    %rsi, 24(%rsp)
        movq    %rdx, 32(%rsp)
        movq    %r10, 40(%rsp)
        movq    %r8, 48(%rsp)
        movq    %r9, 56(%rsp)
        movq    $0, 64(%rsp)
        movq    %rsp, %rdi
        cld
        call    stasis_do_rest
        movq    16(%rsp), %rdi
        movq    24(%rsp), %rsi
        movq    32(%rsp), %rdx
        movq    40(%rsp), %r10
        movq    48(%rsp), %r8
        movq    56(%rsp), %r9
        movq    %rbp, %rsp
        .cfi_def_cfa_register rsp
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbp
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register rip, rcx
        leaq    128(%rsp), %rsp
        .cfi_adjust_cfa_offset -128
        notrack jmp *%rcx
        .cfi_endproc
        .size   stasis_rest_of_call, . - stasis_rest_of_call

# long stasis_call_for_rest(long number, RestOfCall* rest, const long* arguments): the system call, with what a stop asks for in registers that it keeps.
        .globl  stasis_call_for_rest, stasis_called_for_rest
        .hidden stasis_call_for_rest, stasis_called_for_rest
        .type   stasis_call_for_rest, @function
stasis_call_for_rest:
        .cfi_startproc
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r12, 0
        movq    %rdi, %rbx
        movq    %rsi, %r12
        movq    %rdx, %rax
        movq    (%rax), %rdi
        movq    8(%rax), %rsi
        movq    16(%rax), %rdx
        movq    24(%rax), %r10
        movq    32(%rax), %r8
        movq    40(%rax), %r9
        movq    %rbx, %rax
        syscall
stasis_called_for_rest:
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbx
        ret
        .cfi_endproc
        .size   stasis_call_for_rest, . - stasis_call_for_rest

        .section .note.GNU-stack, "", @progbits
