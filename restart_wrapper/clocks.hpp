// The clocks that count from a machine's start go on from where they were at the checkpoint, on any machine.
//
// CLOCK_MONOTONIC stands still while a program is away, as it does while a machine is suspended, so what waits for a time by it waits as long as it
// had left; CLOCK_BOOTTIME has gone on meanwhile. Both by the offsets of a time namespace (time_namespaces(7)), which the
// coordinator and all processes of the program are born into; where there is none by offsets that the library adds (hijack/virt/machine_clocks.hpp).
// World: programs, inside the new namespace if there is one.
#pragma once
#include <string>

#include "core/base/result.hpp"
#include "restart_wrapper/computation.hpp"

namespace stasis::restart {

// Processes that the caller forks from now on have these clocks; its own stay. False where the kernel has no time namespaces (before Linux 5.6, or left out) or allows none.
// Errors: system.
Result<bool> continue_clocks(const Computation& computation);
// The other way: the library is told, by the member table of the run directory, before there is any process of the program. Errors: system.
Status offset_clocks(const Computation& computation, const std::string& run_directory);

}  // namespace stasis::restart
