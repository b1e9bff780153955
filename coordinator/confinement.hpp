// Whether a process has confined itself in ways that a restart would silently lose: system call filters, a root directory, namespaces. Or is confined by a
// debugger, which a stop signal would call.
//
// Compared is with the coordinator, which was started beside the computation: what holds for both, as in a container, holds after a restart too. Looked for
// before the process is signalled, for a filter may kill it for a system call that it does not expect.
// World: programs.
#pragma once
#include <string>

#include "coordinator/processes.hpp"

namespace stasis::coordinator {

// What it has done, for people; empty if nothing, or if it cannot be found out.
std::string confinement_of(const Process& process);

}  // namespace stasis::coordinator
