// Locks on files, taken again.
//
// What belongs to a description is taken in the first process; what belongs to a process is taken by that, as the last thing before the program's code runs
// (OpKind::lock_file), because closing any descriptor of the file takes it away.
// World: programs.
#pragma once
#include "restart_wrapper/computation.hpp"

namespace stasis::restart {

// Whether somebody else has a lock that is in the way of one of the computation's. Touches nothing. Errors: restore_failed, naming the file.
Status check_locks(const Computation& computation);

// Takes the locks of all descriptions; `fds`: where they are. When nothing opens files any more. Errors: restore_failed.
Status take_description_locks(const Computation& computation, const std::map<std::uint64_t, int>& fds);

}  // namespace stasis::restart
