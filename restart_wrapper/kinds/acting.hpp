// Doing something as a process with a certain id, because the kernel notes who did it (SO_PEERCRED of unix(7), SCM_CREDENTIALS).
//
// The process lives for that moment and shares our descriptors. The kernel goes on telling its id when it has ended.
// World: programs, the first process of the new namespace.
#pragma once
#include <functional>

#include "core/base/result.hpp"
#include "restart_wrapper/ids.hpp"

namespace stasis::restart {

// Runs `act` as process `pid`, as the program is told it, or as any process if there can be none with this id. What it does to memory is lost, to descriptors not: they are to have their
// numbers before. Errors: what `act` returns; system.
Status act_as(const Ids& ids, int pid, const std::function<Status()>& act);

// Runs `act` in a process that has copies of our descriptors, which it may close and move as it likes. What it does to descriptions stays. Errors: as act_as.
Status act_apart(const std::function<Status()>& act);

}  // namespace stasis::restart
