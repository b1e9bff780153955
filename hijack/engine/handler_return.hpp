// The way back from the program's signal handlers leads past us.
//
// After a handler the kernel puts the registers back (rt_sigreturn(2)): those of a call that the handler's signal has ended, say, which is about to tell EINTR. A stop in that moment would see what it sees
// when it has interrupted such a call itself, and have it made once more: the program would wait for ever for a signal that has come. And a handler that ran in the moment between a stop and
// the call that goes on after it would end nothing. So handlers return to code of ours in place of the C library's (sa_restorer). It lets the kernel go back to a place where a stop
// sees that a handler was there, and on from that to where the program was; and it ends a call that is about to go on, if it would have.
//
// Actions that the program sets by system calls of its own keep their way back. On processors with FRED, where RCX does not tell that registers are those after a call, the first moment is as it was.
// World: hijack, any thread, also in signal handlers.
#pragma once
#include <ucontext.h>

#include "hijack/engine/saved_state.hpp"

namespace stasis::hijack {

// The program has just set an action for `signal` (1 to 64) by the C library.
void return_past_us(int signal) noexcept;

// The thread goes on with `registers` after a stop, at a call that a handler will end if it comes before the thread is there. `state` is the thread's, and stays where it is until the next checkpoint but one.
inline void mark_as_about_to_go_on(greg_t* registers, const ThreadState& state) noexcept { registers[REG_RCX] = reinterpret_cast<greg_t>(&state); }
// A handler that does not count came before that.
inline void forget_to_go_on(greg_t* registers) noexcept {
  if (registers[REG_RCX] != registers[REG_RIP]) registers[REG_RCX] = 0;
}

}  // namespace stasis::hijack
