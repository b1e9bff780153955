// The run directory of a computation on this node: socket and member table (core/environment.hpp).
//
// It is in use as long as its member table is mapped, by its coordinator or by a process of the computation: whoever maps the table holds a shared
// lock on it (member_table.hpp). Those of coordinators that were killed are found by that and removed by the next command of the same user; the
// directory of all of them goes with the last one. Making, removing and sweeping take turns by a lock on that directory.
// World: programs.
#pragma once
#include <cstdint>
#include <string>

#include "core/base/result.hpp"
#include "core/registry/member_table.hpp"

namespace stasis::coordinator {

struct RunDirectory {
  std::string path;
  std::string socket_path;
  int listener = -1;
  MemberTable members;
  std::uint64_t table_inode = 0;  // of the file of the member table
};

// The directory of all run directories of this user: /dev/shm/stasis-UID.
std::string users_run_directories();

// Makes PARENT/COMPUTATION anew, after a sweep. Waits for a coordinator and processes of the same computation that are just ending, `patience_ms` at most: a store that was copied is that of the same
// computation, and may be restarted while the other runs. Errors: still_running; rejected: the parent is not the caller's own directory; system.
Result<RunDirectory> make_run_directory(const std::string& computation, const std::string& store, const std::string& parent = users_run_directories(), int patience_ms = 5000);
// Leaves beside them what the batch system says of the allocation that the coordinator itself was started in (SLURM_* and SLURMD_* of its environment), for
// what the restored program starts from now on: its own environment is that of the allocation that it was checkpointed in.
Status publish_allocation(const RunDirectory& run);

void remove_run_directory(const RunDirectory& run);

// Removes the run directories in `parent` that nobody uses, and `parent` if it is empty then.
void sweep_run_directories(const std::string& parent = users_run_directories());

}  // namespace stasis::coordinator
