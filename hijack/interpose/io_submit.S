# io_submit(2) and the note of how many requests the kernel has taken: stasis_submit(context, count, requests, counter).
#
# A thread that is stopped at stasis_submit_taken or behind it, before stasis_submit_noted, has the number in RAX and has not added it yet to the counter at R8: whoever
# stopped it reckons with that (hijack/engine/io_contexts.cpp).
# From stasis_submit_inside to stasis_submit_noted it is one of the threads that stasis_submitting counts.
# World: hijack, any thread.
        .text
        .globl  stasis_submit, stasis_submit_inside, stasis_submit_taken, stasis_submit_noted
        .hidden stasis_submit, stasis_submit_inside, stasis_submit_taken, stasis_submit_noted
        .type   stasis_submit, @function
stasis_submit:
        .cfi_startproc
        endbr64
        lock incl stasis_submitting(%rip)
stasis_submit_inside:
        movq    %rcx, %r8
        movl    $209, %eax
        syscall
stasis_submit_taken:
        testq   %rax, %rax
        jle     stasis_submit_noted
        lock addq %rax, (%r8)
stasis_submit_noted:
        lock decl stasis_submitting(%rip)
        ret
        .cfi_endproc
        .size   stasis_submit, .-stasis_submit
        .section .note.GNU-stack, "", @progbits
