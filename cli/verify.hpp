// `stasis verify IMAGE|DIR [--json]`: reads every byte and says what is damaged.
//
// World: programs.
#pragma once
#include <string>

namespace stasis::cli {

// An image, or all images of all committed generations of a store. One line for each to standard output (with `json` an array of objects),
// one to standard error for each that is damaged. Returns 0 when all hold, else the exit status of the first that does not.
int verify(const std::string& target, bool json);

}  // namespace stasis::cli
