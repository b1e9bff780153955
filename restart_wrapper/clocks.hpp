// The clocks that count from a machine's start go on from where they were at the checkpoint, on any machine.
//
// CLOCK_MONOTONIC stands still while a program is away, as it does while a machine is suspended, so what waits for a time by it waits as long as it
// had left; CLOCK_BOOTTIME has gone on meanwhile. Both by the offsets of a time namespace (time_namespaces(7)), which the
// coordinator and all processes of the program are born into.
// World: programs, inside the new namespace.
#pragma once
#include "core/base/result.hpp"
#include "restart_wrapper/computation.hpp"

namespace stasis::restart {

// Processes that the caller forks from now on have these clocks; its own stay. Where the kernel has no time namespaces (before Linux 5.6, or left out)
// or allows none nothing happens. Errors: system.
Status continue_clocks(const Computation& computation);

}  // namespace stasis::restart
