// `stasis list [DIR] [--json]`: the committed generations of a store, or the computations of this user that run on this node.
//
// World: programs.
#pragma once
#include <string>

namespace stasis::cli {

// Returns the exit status; on failure one line goes to standard error.
int list(const std::string& store, bool json);
// One line a computation: its store, its id. Their coordinators have to answer; what dead ones left is not shown.
int list_running(bool json);

}  // namespace stasis::cli
