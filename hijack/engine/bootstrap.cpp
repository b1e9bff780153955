// Start-up: runs once in every program of a computation, before main, and costs a handful of system calls.
//
// The order matters: the handler is installed before the slot says so, and the stop signal is unblocked last, for it may be pending since
// before the exec.
// World: hijack, one thread (other libraries' constructors may have started more).
#include <signal.h>

#include <cstddef>

#include "core/environment.hpp"
#include "hijack/engine/membership.hpp"
#include "hijack/engine/notice.hpp"
#include "hijack/engine/saved_state.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/engine/stop_signal.hpp"
#include "hijack/interpose/fork.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"
#include "hijack/virt/ids.hpp"
#include "hijack/virt/machine_clocks.hpp"
#include "hijack/virt/mutexes.hpp"
#include "hijack/virt/threads.hpp"

namespace stasis::hijack {
namespace {

// Programs of the batch system and of remote access: they talk to daemons and other nodes and would be nothing without them.
constexpr std::string_view kDormant[] = {"srun", "sbatch", "salloc", "scontrol", "squeue", "sinfo", "scancel", "sacct", "sattach", "sbcast",
                                         "ssh",  "scp",    "sftp",   "rsh",      "munge",  "stasis", "stasis-coordinator"};

bool is_dormant_program() noexcept {
  Path path;
  const std::string_view program = read_link("/proc/self/exe", path);
  const std::string_view name = from(program, program.rfind('/') + 1);
  for (const std::string_view dormant : kDormant)
    if (name == dormant) return true;
  return false;
}

// Valgrind runs the program, and us in it, on a processor of its own making: what we would find is that processor's memory and threads. It answers a request
// that is a row of instructions without any effect (valgrind/valgrind.h, RUNNING_ON_VALGRIND).
bool is_emulated() noexcept {
  constexpr std::uint64_t kRunningOnValgrind = 0x1001;
  const volatile std::uint64_t request[6] = {kRunningOnValgrind};
  std::uint64_t answer = 0;
  asm volatile("rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi; xchgq %%rbx, %%rbx" : "+d"(answer) : "a"(request) : "cc", "memory");
  return answer != 0;
}

__attribute__((constructor)) void start_up(int, char**, char** environment) noexcept {
  resolve_all();
  learn_thread_layout();
  learn_mutexes();
  if (!read_settings(environment) || !map_members(nullptr)) return;
  take_clock_offsets(offsets_of_members());
  if (ids_of_members_are_virtual() && !map_ids()) return;
  take_own_id();
  stand_before_mutexes();
  if (is_dormant_program()) {
    settings.standing = Standing::dormant;
    write_slot(MemberState::dormant);
    return;
  }
  if (is_emulated()) {
    settings.standing = Standing::emulated;
    watch_forks();
    write_slot(MemberState::emulated);
    return;
  }
  settings.standing = Standing::member;
  install_stop_handler();
  sys::call(SYS_sched_getaffinity, 0, sizeof initial_affinity, initial_affinity);
  install_notice_handlers();
  watch_forks();
  become_member();
  write_slot(MemberState::running);
  const std::uint64_t stop = std::uint64_t{1} << (kStopSignal - 1);
  sys::call(SYS_rt_sigprocmask, SIG_UNBLOCK, &stop, nullptr, sizeof stop);
}

}  // namespace
}  // namespace stasis::hijack
