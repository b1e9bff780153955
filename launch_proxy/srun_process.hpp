// Starting the real srun as our child and outside of the computation.
//
// Not by fork and exec of the C library, which the preloaded library would make a member: the child shares our memory until it has become srun
// (as with vfork), is in no member table, and executes by a raw system call, which leaves the environment as it is. To a checkpoint at that
// moment it is a process on its way.
// srun ends with us: what would go on without a reader of its output, and without anybody who waits for it, is of no use to anybody.
// World: programs.
#pragma once
#include <sys/types.h>

#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "launch_proxy/signals.hpp"

namespace stasis::launch_proxy {

struct SrunProcess {
  std::string path;                    // of the file
  std::vector<std::string> arguments;  // with the name in front
  std::vector<std::string> environment;
  int streams[3] = {-1, -1, -1};  // what becomes its descriptors 0 to 2; -1: ours
  bool shares_group = false;      // stays in our process group
};

// The child's id. Errors: exec_missing, exec_failed, system.
Result<pid_t> start_srun(const SrunProcess& how, const InheritedSignals& inherited);

}  // namespace stasis::launch_proxy
