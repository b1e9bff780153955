// The verbs that ask the running coordinator: checkpoint, status, kill.
//
// World: programs. Each returns the exit status; on failure one line goes to standard error.
#pragma once
#include <string>

namespace stasis::cli {

// Returns when the generation is committed.
int checkpoint(const std::string& store, bool exit_after, bool json);
int status(const std::string& store, bool json);
// Returns when every process of the computation is gone.
int kill(const std::string& store);

}  // namespace stasis::cli
