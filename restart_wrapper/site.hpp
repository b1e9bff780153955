// What all processes of one attempt share: decided outside, inherited by fork.
//
// World: programs.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/image/handoff.hpp"
#include "restart_wrapper/address_space.hpp"
#include "restart_wrapper/computation.hpp"
#include "restart_wrapper/ids.hpp"
#include "restart_wrapper/kinds/kind.hpp"
#include "restart_wrapper/plan.hpp"
#include "restart_wrapper/tree.hpp"

namespace stasis::restart {

// The steps by which the processes of the tree wait for each other. A process reports that it has done a step and waits until the first
// process releases it, which happens when all have reported.
enum class Step : std::uint32_t {
  none = 0,
  created = 1,  // it and all that it forks are there, sessions are right
  led = 2,      // leaders of process groups have made their groups
  joined = 3,   // everybody is in its group: stand-in leaders and midwives end
  settled = 4,  // those are gone: the processes may become the program's
};

// In shared memory; `released` is a futex word.
struct Gate {
  std::atomic<std::uint32_t> released{0};
};

struct Site {
  const Computation* computation = nullptr;
  Tree tree;
  Ids ids;
  int first_process = 1;  // the kernel's id, as all here see it
  LiveVdso vdso;
  Range parking;        // for the restorer, the same in all processes
  Range shared;         // for inherited shared memory; empty if there is none
  Range vdso_refuge;
  Gate* gate = nullptr;
  HighNumbers numbers;
  std::map<std::uint64_t, int> late;                   // those of them that members fetch from the first process (Workshop::late)
  std::map<std::uint64_t, int> fds;                    // description id -> descriptor
  std::map<std::uint64_t, SharedSource> shared_memory;  // by id
  std::map<int, SessionTerminal> terminals;            // by session, see Workshop
  std::vector<int> held;
  std::vector<void*> segments;                          // of System V shared memory, attached by the first process
  std::vector<std::pair<image::SystemVKind, int>> system_v;  // objects with the kernel's numbers, where it was not we who chose them
  int status_fd = -1;   // writing end of the status pipe
  int control_fd = -1;  // to the outer process, see control.hpp
};

// Chooses parking place, place for shared memory and refuge: holes in the address spaces of this process and of all members; keeps them from being taken by reserving
// them here. Errors: restore_failed when there is no such hole, system.
Status choose_places(Site& site);

}  // namespace stasis::restart
