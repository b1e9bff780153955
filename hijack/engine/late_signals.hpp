// A signal of the program's that comes while a thread stands still interrupts the call that the thread was stopped in, as it would have.
//
// Signals wait until the thread returns from the handler of the stop signal. If its call simply went on behind them, an alarm that is to end a pause(2) or a read(2) would have its handler run and end
// nothing: the program would wait for ever. So before a thread goes on it looks whether a signal with a handler waits for it; it takes one that waits for any thread for itself.
// What comes between that look and the call ends it when its handler returns (handler_return.hpp).
// World: hijack, the thread itself.
#pragma once
#include <ucontext.h>

#include "hijack/engine/saved_state.hpp"

namespace stasis::hijack {

// The thread goes on with `context`, all signals blocked; `state` is its own.
void let_signals_interrupt(ucontext_t& context, const ThreadState& state) noexcept;
// A handler that came in between returns to `context`; `restarts`: its action has SA_RESTART. Whether the call is at an end now.
bool let_handler_interrupt(ucontext_t& context, const ThreadState& state, bool restarts) noexcept;

}  // namespace stasis::hijack
