// What an srun command line, with its environment, says about where the tasks' output goes.
//
// By its options (srun_options.hpp), which override environment variables.
// World: programs.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace stasis::launch_proxy {

struct SrunOutput {
  bool labelled = false;      // lines have "TASK: " in front
  bool own_terminal = false;  // --pty: srun needs our terminal itself
  // The option or variable because of which not all output passes srun's stdout and stderr, or not as it was written, or because of which
  // srun reads its tasks' input itself; empty if there is none. Such a launch cannot be drained.
  std::string bypass;
};

// `arguments` is srun's argv, `variable` looks a name up in the environment.
SrunOutput read_srun_output(const std::vector<std::string>& arguments, const std::function<std::optional<std::string>(const char*)>& variable);

}  // namespace stasis::launch_proxy
