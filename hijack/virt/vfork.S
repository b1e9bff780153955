# vfork(2), which returns twice on one stack: what must last from the first return to the second is in registers, which each of the two has of its own.
#
# The return address goes through rdi, as in the C library, since the child overwrites the stack; the time before the birth through rsi.
# World: hijack, any thread.

        .text
        .globl  vfork
        .type   vfork, @function
        .globl  __vfork
        .type   __vfork, @function
vfork:
__vfork:
        .cfi_startproc
        endbr64
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        call    stasis_before_vfork
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        movq    %rax, %rsi
        popq    %rdi
        .cfi_adjust_cfa_offset -8
        .cfi_register rip, rdi
        movl    $58, %eax       # __NR_vfork
        syscall
        pushq   %rdi
        .cfi_adjust_cfa_offset 8
        .cfi_offset rip, -8
        testq   %rax, %rax
        je      1f
        movq    %rax, %rdi
        jmp     stasis_after_vfork
1:      ret
        .cfi_endproc
        .size   vfork, .-vfork
        .size   __vfork, .-__vfork
        .section .note.GNU-stack, "", @progbits
