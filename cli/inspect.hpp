// `stasis inspect IMAGE|DIR [--json]`: what is in an image, or in the images of the newest generation of a store.
//
// World: programs.
#pragma once
#include <string>

namespace stasis::cli {

// Prints to standard output, for people or, with `json`, one JSON object (an array of them for a store). Returns the exit status; on failure one line goes
// to standard error. Page data is not read: `verify` does that.
int inspect(const std::string& target, bool json);

}  // namespace stasis::cli
