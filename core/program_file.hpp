// What file a command means, and whether it can run under the preloaded library.
//
// World: programs.
#pragma once
#include <string>

#include "core/base/result.hpp"

namespace stasis {

// The file that execvp would run for `command`. Errors: exec_missing, exec_failed.
Result<std::string> find_program(const std::string& command);
// Errors: static_program, setuid_program, foreign_program. Scripts are judged by their interpreter.
Status check_program(const std::string& path);

}  // namespace stasis
