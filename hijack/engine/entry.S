# The places where the library needs the stack pointer in its own hands.
# World: hijack.
        .text

# What the kernel returns to after our signal handlers: rt_sigreturn(2). The bytes are those that debuggers and unwinders look for.
        .globl  stasis_return_from_signal
        .hidden stasis_return_from_signal
        .type   stasis_return_from_signal, @function
        nop
stasis_return_from_signal:
        mov     $15, %rax
        syscall
        .size   stasis_return_from_signal, . - stasis_return_from_signal

# void stasis_call_on_stack(void* argument, void (*function)(void*), void* stack_top): runs function(argument) on another stack.
        .globl  stasis_call_on_stack
        .hidden stasis_call_on_stack
        .type   stasis_call_on_stack, @function
stasis_call_on_stack:
        push    %rbp
        mov     %rsp, %rbp
        mov     %rdx, %rsp
        and     $-16, %rsp
        call    *%rsi
        leave
        ret
        .size   stasis_call_on_stack, . - stasis_call_on_stack

# Where a restored process begins: on ProcessRecord::entry_stack, with the main thread's FS (another's if that had ended).
        .globl  stasis_wake_entry
        .hidden stasis_wake_entry
        .type   stasis_wake_entry, @function
stasis_wake_entry:
        xor     %ebp, %ebp
        and     $-16, %rsp
        call    stasis_wake_main
        hlt
        .size   stasis_wake_entry, . - stasis_wake_entry

# [[noreturn]] void stasis_sigreturn(void* context): gives a thread the registers of a saved signal frame, whose ucontext this is.
        .globl  stasis_sigreturn
        .hidden stasis_sigreturn
        .type   stasis_sigreturn, @function
stasis_sigreturn:
        mov     %rdi, %rsp
        mov     $15, %eax
        syscall
        hlt
        .size   stasis_sigreturn, . - stasis_sigreturn

# long stasis_clone3(struct clone_args* arguments, size_t size, void (*function)(void*), void* argument): the new thread runs
# function(argument) on the stack of the arguments, and never returns.
        .globl  stasis_clone3
        .hidden stasis_clone3
        .type   stasis_clone3, @function
stasis_clone3:
        mov     %rdx, %r8
        mov     %rcx, %r9
        mov     $435, %eax
        syscall
        test    %rax, %rax
        jnz     1f
        xor     %ebp, %ebp
        and     $-16, %rsp
        mov     %r9, %rdi
        call    *%r8
        hlt
1:      ret
        .size   stasis_clone3, . - stasis_clone3

# The stack on which a restored process begins. Its pages are not there, and not in images, before that.
        .bss
        .balign 4096
        .skip   65536
        .globl  stasis_entry_stack_top
        .hidden stasis_entry_stack_top
stasis_entry_stack_top:

        .section .note.GNU-stack, "", @progbits
