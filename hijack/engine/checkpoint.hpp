// A checkpoint as its leader sees it: the phases of docs/ARCHITECTURE.md in order.
//
// World: hijack, signal handler of the leader.
#pragma once
#include <ucontext.h>

namespace stasis::hijack {

// Asks the coordinator what to do and does it; returns when the program may go on. `context` are the leader's own registers.
void lead_checkpoint(ucontext_t* context) noexcept;

}  // namespace stasis::hijack
