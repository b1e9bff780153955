// `stasis list DIR [--json]`: the committed generations of a store.
//
// World: programs.
#pragma once
#include <string>

namespace stasis::cli {

// Returns the exit status; on failure one line goes to standard error.
int list(const std::string& store, bool json);

}  // namespace stasis::cli
