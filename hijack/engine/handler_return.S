# The way back from the program's signal handlers, see handler_return.hpp.
# World: hijack, any thread. Found by unwinders as signal frames, which they are (exceptions and cancellation pass through them).

# Where the kernel has put registers in the ucontext that RSP points to (sys/ucontext.h: five words, then the registers in the order of its REG_ constants).
#define AT_RCX 152
#define AT_RIP 168

# DWARF: register `number` was saved `offset` behind RSP; one byte of SLEB128 up to 63, two above.
        .macro saved_near number, offset
        .cfi_escape 0x10, \number, 2, 0x77, \offset
        .endm
        .macro saved_far number, offset
        .cfi_escape 0x10, \number, 3, 0x77, (\offset & 0x7f) | 0x80, \offset >> 7
        .endm

        .macro way_back name, restarts
        .globl  \name
        .hidden \name
        .type   \name, @function
        .cfi_startproc
        .cfi_signal_frame
        .cfi_escape 0x0f, 4, 0x77, 0xa0, 0x01, 0x06     # CFA: what RSP was, at 160
        saved_near 8, 40
        saved_near 9, 48
        saved_near 10, 56
        saved_far 11, 64
        saved_far 12, 72
        saved_far 13, 80
        saved_far 14, 88
        saved_far 15, 96
        saved_far 5, 104
        saved_far 4, 112
        saved_far 6, 120
        saved_far 3, 128
        saved_far 1, 136
        saved_far 0, 144
        saved_far 2, 152
        saved_far 7, 160
        saved_far 16, 168
        nop                                             # unwinders look for the function of the byte before a return address
\name:
        movq    AT_RIP(%rsp), %rax
        cmpq    %rax, AT_RCX(%rsp)                      # as after a system call
        je      1f
        movq    %rsp, %rdi
        movl    $\restarts, %esi
        cld
        call    stasis_handler_returns
        testl   %eax, %eax
        jz      2f
        movq    AT_RIP(%rsp), %rax
        movq    %rax, AT_RCX(%rsp)
1:      leaq    stasis_handler_has_returned(%rip), %rax
        movq    %rax, AT_RIP(%rsp)
2:      movl    $15, %eax                               # rt_sigreturn
        syscall
        hlt
        .cfi_endproc
        .size   \name, . - \name
        .endm

        .text
        .balign 16, 0x90
        way_back stasis_return_from_ending, 0
        way_back stasis_return_from_restarting, 1

# The registers are the program's again but for RCX, which a system call does not keep.
        .type   stasis_handler_has_returned, @function
        .balign 16, 0x90
        nop                                             # what is before it is not taken for a call that has returned
        nop
stasis_handler_has_returned:
        .cfi_startproc
        .cfi_def_cfa rsp, 0
        .cfi_register rip, rcx
        notrack jmp *%rcx
        .cfi_endproc
        .size   stasis_handler_has_returned, . - stasis_handler_has_returned

        .section .note.GNU-stack, "", @progbits
