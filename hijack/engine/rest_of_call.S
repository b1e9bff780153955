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
        pushq   %r15
        .cfi_offset r15, -152
        movq    %rsp, %rbp
        .cfi_adjust_cfa_offset 8
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
        movq    $0, 72(%rsp)
        movq    %rsp, %r15              # stays there: compiled code leaves R15 alone
stasis_rest_begun:
        movq    %rsp, %rdi
        cld
        call    stasis_do_rest
stasis_rest_done:
        movq    16(%rsp), %rdi
        movq    24(%rsp), %rsi
        movq    32(%rsp), %rdx
        movq    40(%rsp), %r10
        movq    48(%rsp), %r8
        movq    56(%rsp), %r9
        movq    %rbp, %rsp
        .cfi_def_cfa_register rsp
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore r15
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

# long stasis_call_for_rest(long number, const long* arguments): the system call, unless a handler of the program's has come since the rest was begun; with what a stop asks for in registers that it keeps.
        .globl  stasis_call_for_rest, stasis_called_for_rest, stasis_ready_for_rest
        .hidden stasis_call_for_rest, stasis_called_for_rest, stasis_ready_for_rest
        .type   stasis_call_for_rest, @function
stasis_call_for_rest:
        .cfi_startproc
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbx, 0
        movq    %rdi, %rbx
        movq    %rsi, %rax
        movq    (%rax), %rdi
        movq    8(%rax), %rsi
        movq    16(%rax), %rdx
        movq    24(%rax), %r10
        movq    32(%rax), %r8
        movq    40(%rax), %r9
        movq    %rbx, %rax
stasis_ready_for_rest:                  # a handler that comes before the kernel is entered returns to here
        cmpl    $0, 72(%r15)
        jne     1f
        syscall
stasis_called_for_rest:
        popq    %rbx
        .cfi_remember_state
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbx
        ret
        .cfi_restore_state
1:      movq    $-4, %rax               # EINTR
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbx
        ret
        .cfi_endproc
        .size   stasis_call_for_rest, . - stasis_call_for_rest

# Where R15 has the rest.
        .globl  stasis_rest_begun, stasis_rest_done
        .hidden stasis_rest_begun, stasis_rest_done

        .section .note.GNU-stack, "", @progbits
