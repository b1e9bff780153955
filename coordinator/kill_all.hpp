// Ending all processes of a computation on this node.
//
// World: programs.
#pragma once
#include <functional>

#include "coordinator/processes.hpp"

namespace stasis::coordinator {

// Kills everybody whom `look` shows, but launchers and what takes no part, and returns when a look shows nobody any more. Returns how many there were.
std::size_t kill_all(const std::function<Census()>& look);

}  // namespace stasis::coordinator
