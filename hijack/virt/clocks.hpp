// Clocks whose numbers contain ids, see clocks.cpp.
//
// World: hijack, any thread, also in signal handlers.
#pragma once
#include <time.h>

namespace stasis::hijack {

// The kernel's number of a clock that the program knows.
clockid_t kernels_clock(clockid_t clock) noexcept;

}  // namespace stasis::hijack
