// One process of the program, from its birth as a copy of ours to the jump into the restorer.
//
// World: programs, in the processes of the tree; single-threaded, all signals blocked.
#pragma once
#include "restart_wrapper/site.hpp"

namespace stasis::restart {

// Reports through the status pipe that this process has done `step`.
void report_step(const Site& site, Step step);

// Reports `failure` through the status pipe and ends this process.
[[noreturn]] void report_failure(const Site& site, const Error& failure);

// Becomes member `index`: attributes, descriptors, memory. Does not return.
[[noreturn]] void become_member(Site& site, int index);

}  // namespace stasis::restart
