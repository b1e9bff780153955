// A program of two pages for the test of a whole restart: code at 0x10000000, data (its Handoff first) at 0x10001000.
//
// It does what the restored library does first: unmaps the restorer, reports success through the status pipe, closes it. Then it writes
// the text that the test put after the handoff to descriptor 5 and exits with the status that stands there.
// World: tests.
        .section .rodata
        .globl test_program, test_program_end
test_program:
        mov $0x10001000, %ebx
        mov 0x10(%rbx), %rdi            // parking_start
        mov 0x18(%rbx), %rsi            // parking_length
        mov $11, %eax                   // munmap
        syscall
        test %eax, %eax
        jnz 1f
        mov $39, %eax                   // getpid
        syscall
        mov %eax, 0x200(%rbx)           // a RestoreFailure{pid, 0, none}
        mov 4(%rbx), %edi               // status_fd
        lea 0x200(%rbx), %rsi
        mov $256, %edx
        mov $1, %eax                    // write
        syscall
        cmp $256, %eax
        jne 1f
        mov 4(%rbx), %edi
        mov $3, %eax                    // close
        syscall
        mov $5, %edi
        lea 0x108(%rbx), %rsi
        mov 0x104(%rbx), %edx
        mov $1, %eax                    // write
        syscall
        mov 0x100(%rbx), %edi
        mov $231, %eax                  // exit_group
        syscall
1:      mov $126, %edi
        mov $231, %eax
        syscall
test_program_end:
        .section .note.GNU-stack, "", @progbits
