// What entry.S defines: the places where the library needs the stack pointer in its own hands. Each is described there.
// World: hijack.
#pragma once
#include <cstddef>

extern "C" {
void stasis_return_from_signal();
void stasis_call_on_stack(void* argument, void (*function)(void*), void* stack_top);
void stasis_wake_entry();
[[noreturn]] void stasis_sigreturn(void* context);
// `arguments` is a clone_args of linux/sched.h.
long stasis_clone3(void* arguments, std::size_t size, void (*function)(void*), void* argument);
extern char stasis_entry_stack_top[];
}
