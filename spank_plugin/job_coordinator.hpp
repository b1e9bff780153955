// Starting the coordinator of a job and making a process its root.
//
// World: SPANK, in slurmstepd's child, as the user.
#pragma once
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "spank_plugin/session.hpp"

namespace stasis::spank {

// Where our own programs are: beside the plugin, in PREFIX/bin and PREFIX/lib/stasis.
struct Installation {
  std::string program;      // stasis
  std::string coordinator;  // stasis-coordinator
  std::string library;      // libstasis.so
};
Result<std::string> plugin_prefix();
Result<Installation> find_installation();

// A coordinator that answers.
struct JobCoordinator {
  std::string computation;    // 16 hex digits, and of a part a dot and its name
  std::string key;
  std::string socket;         // path
  std::string run_directory;  // of the socket
};

// What leads the task's computation: the root coordinator of a job, or the node coordinator of one part of it.
struct Lead {
  std::string store;
  std::string part;                  // empty: the root
  std::vector<std::string> options;  // besides --store, --part and --ready-fd
  const CoordinatorLife& life;
};

// Starts `stasis-coordinator` as a process of its own session whose parent is not the caller (a program that waits for all its children must
// not find one that it did not start), with `environment`, and waits until it says that it is ready: at most ten seconds. It lives until
// the computation (or the part) ends or Slurm ends the step. That of a part gets the caller's standard output and error (--streams).
Result<JobCoordinator> start_coordinator(const Installation& installation, const Lead& lead, const std::vector<std::string>& environment);

// Tells the coordinator that the calling process is the computation's first.
Status register_root(const JobCoordinator& coordinator);

}  // namespace stasis::spank
