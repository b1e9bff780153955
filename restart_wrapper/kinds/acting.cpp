// Doing something as another process, see acting.hpp, clone(2).
// World: programs.
#include "restart_wrapper/kinds/acting.hpp"

#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace stasis::restart {
namespace {

struct Outcome {
  bool done = false;
  ErrorCode code = ErrorCode::none;
  int sys_errno = 0;
  char detail[320] = {};
};

long clone_with(int pid, std::uint64_t flags) {
  clone_args arguments{};
  arguments.flags = flags;
  arguments.exit_signal = SIGCHLD;
  if (pid > 1) arguments.set_tid = reinterpret_cast<std::uint64_t>(&pid), arguments.set_tid_size = 1;
  return ::syscall(SYS_clone3, &arguments, sizeof arguments);
}

Status act_in_clone(const Ids& ids, int pid, std::uint64_t flags, const std::function<Status()>& act) {
  void* shared = ::mmap(nullptr, sizeof(Outcome), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return system_error("map memory", -errno);
  auto* outcome = new (shared) Outcome;
  long child = clone_with(ids.are_translated() ? 0 : pid, flags);
  if (child < 0) child = clone_with(0, flags);  // the id is taken, by a process of ours
  if (child == 0) {
    if (pid > 1) ids.lend(pid, ::getpid());
    if (const Status status = act(); !status.ok()) {
      outcome->code = status.error().code, outcome->sys_errno = status.error().sys_errno;
      std::memcpy(outcome->detail, status.error().detail.c_str(), std::min(status.error().detail.size(), sizeof outcome->detail - 1));
    }
    outcome->done = true;
    ::_exit(0);
  }
  const int reason = errno;
  if (child > 0)
    while (::waitpid(static_cast<pid_t>(child), nullptr, 0) < 0 && errno == EINTR) {
    }
  const Outcome seen = *outcome;
  ::munmap(shared, sizeof(Outcome));
  if (child < 0) return system_error("make a process", -reason);
  if (!seen.done) return error(ErrorCode::restore_failed, "a process that stands in for another ended");
  if (seen.code == ErrorCode::none) return {};
  Error failure = error(seen.code, seen.detail);
  failure.sys_errno = seen.sys_errno;
  return failure;
}

}  // namespace

Status act_as(const Ids& ids, int pid, const std::function<Status()>& act) { return act_in_clone(ids, pid, CLONE_FILES, act); }

Status act_apart(const std::function<Status()>& act) { return act_in_clone(Ids(), 0, 0, act); }

}  // namespace stasis::restart
