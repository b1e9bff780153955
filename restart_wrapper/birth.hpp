// Making the process tree: every process forks those that the tree says it forks, with the ids that they had.
//
// World: programs, inside the new namespace.
#pragma once
#include "restart_wrapper/site.hpp"

namespace stasis::restart {

// Forks with the id `pid` (clone3(2) set_tid, needs CAP_CHECKPOINT_RESTORE in the namespace), or with another that the program will take for it, to send
// `exit_signal` at its end. 0 in the child, else the kernel's id. Errors: system.
Result<int> fork_with_id(const Ids& ids, int pid, int exit_signal);

// Forks the nodes of `children` and lets them go through the steps. Called by the first process for the top of the tree.
Status fork_children(Site& site, const std::vector<int>& children);

// How many processes report `step`.
std::size_t expected_reports(const Tree& tree, Step step);

}  // namespace stasis::restart
