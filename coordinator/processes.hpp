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
  std::int32_t thread = 0;       // living_thread()
  std::uint64_t started_us = 0;  // after boot, rounded down to a tick
  MemberState state = MemberState::none;
  bool is_stopped = false;       // by a signal or a debugger
  bool is_foreign = false;       // runs as another user: a set-user-id program
  std::string name;              // for people: the executable's path, else the kernel's name in brackets
};

// A process that a launch proxy has started in its place (srun): no member, and what it started belongs to other parts of the computation.
struct Launcher {
  Process process;
  std::string launch;
  std::string undrained;  // option that makes output or input pass the proxy by, empty if there is none
};

// What a look at all processes showed.
struct Census {
  std::map<std::int32_t, Process> members;  // may be signalled
  std::vector<Process> pending;             // belong to us and are between fork, exec and start-up
  std::vector<Process> dormant;             // launchers and programs of ours that a member has started and that still run
  std::vector<Launcher> launchers;          // children of members
  bool empty() const { return members.empty() && pending.empty() && dormant.empty() && launchers.empty(); }
};

// `roots` are processes that belong even before their library has started (the launched program).
Census take_census(const MemberTable& table, const std::string& computation, const std::vector<std::int32_t>& roots);

// The main thread, or the oldest that lives if that has ended (pthread_exit(3)): under /proc/PID itself such a process looks like a zombie,
// without a name, an environment or descriptors, and kcmp(2) does not know it; under its threads all is there. `pid` if none lives.
std::int32_t living_thread(std::int32_t pid);

// How long process.thread has been asleep, 0 if it runs or the kernel does not say (proto::Begin). To be read just before
// it is signalled.
std::uint64_t slept_ns(const Process& process);

// To the process, by way of process.thread.
bool send_stop_signal(const Process& process);

}  // namespace stasis::coordinator
