// `stasis check -- COMMAND`: can this be checkpointed and brought back here? Runs nothing.
//
// World: programs.
#pragma once
#include <string>

namespace stasis::cli {

// One line a finding on standard output. Returns 0 if nothing is in the way, else the exit status of the first obstacle, which also goes to
// standard error.
int check(const std::string& command);

}  // namespace stasis::cli
