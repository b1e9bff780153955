// The run directory of a computation on this node: socket and member table (core/environment.hpp).
//
// World: programs.
#pragma once
#include <string>

#include "core/base/result.hpp"
#include "core/registry/member_table.hpp"

namespace stasis::coordinator {

inline constexpr const char* kStoreLink = "store";  // in the run directory: symbolic link to the store, for stasis list

struct RunDirectory {
  std::string path;
  std::string socket_path;
  int listener = -1;
  MemberTable members;
};

// Makes /dev/shm/stasis-UID/COMPUTATION anew. Refuses a parent that is not the caller's own directory.
Result<RunDirectory> make_run_directory(const std::string& computation, const std::string& store);
void remove_run_directory(const RunDirectory& run);

}  // namespace stasis::coordinator
