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
        .section .note.GNU-stack, "", @progbits
