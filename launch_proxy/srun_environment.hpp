// The environment in which the real srun is started: ours, outside of the computation, with what its tasks need to know of the launch, and after a restart with
// the batch system's variables of the new allocation. World: programs. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace stasis::launch_proxy {

struct Launch {
  std::string id = {};         // 8 hex digits
  std::string undrained = {};  // SrunOutput::bypass
  std::string store = {};      // of the computation, absolute
  bool again = false;          // after a restart
};

// `own` is our environment as NAME=VALUE, `allocation` the content of the run directory's file `environment`, empty if there is none.
std::vector<std::string> srun_environment(const char* const* own, const Launch& launch, std::string_view allocation);

}  // namespace stasis::launch_proxy
