// The point of no return in one process: laying restorer and plan into the parking place and jumping there.
//
// World: programs, in the process that becomes a program's process again; single-threaded, all signals blocked.
#pragma once
#include "restart_wrapper/plan.hpp"

namespace stasis::restart {

// Bytes of address space that the restorer needs besides the plan: its code and its stack.
std::uint64_t restorer_size();

// Carries `plan` out. Returns only on failure before anything was touched. `parking` must be free or reserved, large enough. `helpers`: how many
// processes may help reading.
Error hand_over(Plan& plan, const Range& parking, int status_fd, int pid, std::uint32_t helpers);

}  // namespace stasis::restart
