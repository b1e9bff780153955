// Which processes of this node belong to the computation: the member table closed over /proc.
//
// World: programs. Looks, never changes anything but by send_stop_signal.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/registry/member_table.hpp"

namespace stasis::coordinator {

struct Process {
  std::int32_t pid = 0;
  std::int32_t parent = 0;
  std::uint64_t started_us = 0;  // after boot, rounded down to a tick
  MemberState state = MemberState::none;
  std::string name;              // for people: the executable's path, else the kernel's name in brackets
};

// What a look at all processes showed.
struct Census {
  std::map<std::int32_t, Process> members;  // may be signalled
  std::vector<Process> pending;             // belong to us and are between fork, exec and start-up
  std::vector<Process> dormant;             // launchers and programs of ours that a member has started and that still run
  bool empty() const { return members.empty() && pending.empty() && dormant.empty(); }
};

// `roots` are processes that belong even before their library has started (the launched program).
Census take_census(const MemberTable& table, const std::string& computation, const std::vector<std::int32_t>& roots);

// How long the main thread of a process has been asleep, 0 if it runs or the kernel does not say (proto::Begin). To be read just before
// it is signalled.
std::uint64_t main_thread_slept_ns(std::int32_t pid);

bool send_stop_signal(std::int32_t pid);

}  // namespace stasis::coordinator
