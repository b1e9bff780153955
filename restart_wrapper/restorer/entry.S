// First byte of the restorer: called with the plan's address in rdi and the top of the parking place's stack in rsp.
// World: restorer.
        .section .text.entry, "ax"
        .globl restorer_entry
        .type restorer_entry, @function
restorer_entry:
        xor %ebp, %ebp
        and $-16, %rsp
        cld
        call restorer_main
        ud2
        .size restorer_entry, . - restorer_entry

// long restorer_clone(long flags, void* stack_top, void (*run)(void*), void* argument): clone(2) of a process that runs `run` on its own
// stack and ends when that returns. Returns the child's id or a negative errno.
        .text
        .globl restorer_clone
        .type restorer_clone, @function
restorer_clone:
        mov %rdx, %r8
        mov %rcx, %r9
        xor %edx, %edx
        xor %r10d, %r10d
        mov $56, %eax
        push %r8
        push %r9
        xor %r8d, %r8d
        mov 8(%rsp), %r9                // run and its argument travel on the child's stack
        mov %r9, -8(%rsi)
        mov (%rsp), %r9
        mov %r9, -16(%rsi)
        sub $16, %rsi
        add $16, %rsp
        syscall
        test %rax, %rax
        jz 1f
        ret
1:      xor %ebp, %ebp
        pop %rdi
        pop %rax
        and $-16, %rsp
        call *%rax
        xor %edi, %edi
        mov $60, %eax
        syscall
        ud2
        .size restorer_clone, . - restorer_clone
        .section .note.GNU-stack, "", @progbits
