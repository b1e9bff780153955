// A signal of the program's that comes while a thread stands still interrupts the call that the thread was stopped in, as it would have.
//
// Signals wait until the thread returns from the handler of the stop signal. If its call simply went on behind them, an alarm that is to end a pause(2) or a read(2) would have its handler run and end
// nothing: the program would wait for ever. So before a thread goes on it looks whether a signal with a handler waits for it; it takes one that waits for any thread for itself.
// What is sent between that look and the call, which are nanoseconds, is too late.
// World: hijack, the thread itself, all signals blocked.
#pragma once
#include <ucontext.h>

namespace stasis::hijack {

// `before` is how the registers were when the thread was stopped; `was_asleep` says that it was in the call that these are at, if they are at one.
void let_signals_interrupt(ucontext_t& context, const greg_t* before, bool was_asleep) noexcept;

}  // namespace stasis::hijack
