// Making the process tree, see birth.hpp.
// World: programs, inside the new namespace.
#include "restart_wrapper/birth.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <set>

#include "restart_wrapper/control.hpp"
#include "restart_wrapper/member.hpp"
#include "restart_wrapper/shared_memory.hpp"
#include "restart_wrapper/system_v.hpp"

namespace stasis::restart {
namespace {

void wait_for(const Site& site, Step step) {
  const auto wanted = static_cast<std::uint32_t>(step);
  for (std::uint32_t seen; (seen = site.gate->released.load()) < wanted;)
    ::syscall(SYS_futex, &site.gate->released, FUTEX_WAIT, seen, nullptr, nullptr, 0);
}

void pass(const Site& site, Step step) {
  report_step(site, step);
  wait_for(site, step);
}

bool is_temporary(Role role) { return role == Role::leader || role == Role::midwife; }

[[noreturn]] void end_as(int status) {
  if (!WIFSIGNALED(status)) ::_exit(WEXITSTATUS(status));
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::signal(WTERMSIG(status), SIG_DFL);
  sigset_t all;
  ::sigemptyset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  ::kill(::getpid(), WTERMSIG(status));
  ::_exit(127);
}

// Stand-ins and midwives that this process forked are waited for; its zombies have ended and stay. No trace of it is left in a pending signal.
void settle_children(const Site& site, const TreeNode& node) {
  for (const int child : node.children) {
    const TreeNode& other = site.tree.nodes[static_cast<std::size_t>(child)];
    siginfo_t info;
    if (is_temporary(other.role)) ::waitid(P_PID, static_cast<id_t>(site.ids.kernels(other.pid)), &info, WEXITED | __WALL);
    if (other.role == Role::zombie) ::waitid(P_PID, static_cast<id_t>(site.ids.kernels(other.pid)), &info, WEXITED | WNOWAIT | __WALL);
  }
  sigset_t children;
  ::sigemptyset(&children);
  ::sigaddset(&children, SIGCHLD);
  for (const int child : node.children)
    if (const int exit_signal = site.tree.nodes[static_cast<std::size_t>(child)].exit_signal; exit_signal > 0) ::sigaddset(&children, exit_signal);
  const timespec none{};
  while (::sigtimedwait(&children, nullptr, &none) > 0) {
  }
}

// A stand-in has nothing of the program when that runs on: an end of a pipe or of a terminal would be seen, and memory is not free while somebody has it mapped.
void let_go(const Site& site) {
  release_shared_memory(site);
  unsigned next = 0;
  for (const int fd : std::set<int>{site.control_fd, site.status_fd}) {
    if (static_cast<unsigned>(fd) > next) ::syscall(SYS_close_range, next, static_cast<unsigned>(fd) - 1, 0);
    next = static_cast<unsigned>(fd) + 1;
  }
  ::syscall(SYS_close_range, next, ~0u, 0);
}

// Stands in for a parent from outside: exists, waits, and tells how the first process of the program ended if that is its child.
[[noreturn]] void stand_in(Site& site) {
  ::prctl(PR_SET_NAME, "stasis-parent", 0, 0, 0);
  ::dup3(site.control_fd, 3, O_CLOEXEC);
  ::syscall(SYS_close_range, 4, ~0u, 0);
  ::syscall(SYS_close_range, 0, 2, 0);
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, __WALL);
    if (ended < 0) ::_exit(0);
    if (site.ids.programs(ended) != site.computation->root) continue;
    ControlMessage message;
    message.event = Event::root_ended;
    message.status = status;
    ::send(3, &message, sizeof message, MSG_NOSIGNAL);
    ::close(3);
  }
}

// The session's leader takes its terminal before it forks anybody else: its children inherit that.
Status take_terminal(const Site& site, const TreeNode& node) {
  const auto terminal = site.terminals.find(node.pid);
  if (terminal == site.terminals.end() || ::ioctl(terminal->second.fd, TIOCSCTTY, 0) == 0) return {};
  return system_error("take the controlling terminal of session " + std::to_string(node.pid), -errno);
}

// When all groups are there.
void settle_terminal(const Site& site, const TreeNode& node) {
  const auto terminal = site.terminals.find(node.session);
  if (terminal == site.terminals.end()) return;
  if (node.role == Role::member && site.computation->process(node.member).terminal == 0) ::ioctl(terminal->second.fd, TIOCNOTTY);
  // A group that has ended could not be the foreground any more: then the leader's is.
  if (node.session == node.pid && terminal->second.foreground > 0) ::tcsetpgrp(terminal->second.fd, site.ids.kernels(terminal->second.foreground));
}

[[noreturn]] void live(Site& site, int index) {
  const TreeNode& node = site.tree.nodes[static_cast<std::size_t>(index)];
  const auto fork_those = [&](bool before_session) {
    std::vector<int> some;
    for (const int child : node.children)
      if (site.tree.nodes[static_cast<std::size_t>(child)].before_session == before_session) some.push_back(child);
    if (const Status status = fork_children(site, some); !status.ok()) report_failure(site, status.error());
  };
  fork_those(true);
  if (node.session == node.pid && ::setsid() < 0) report_failure(site, system_error("setsid", -errno));
  if (const Status status = node.session == node.pid ? take_terminal(site, node) : Status(); !status.ok()) report_failure(site, status.error());
  fork_those(false);
  pass(site, Step::created);
  if (node.group == node.pid && node.session != node.pid && ::setpgid(0, 0) != 0) report_failure(site, system_error("make a process group", -errno));
  pass(site, Step::led);
  if (node.group != 0 && node.group != node.pid && ::getpgrp() != site.ids.kernels(node.group) && ::setpgid(0, site.ids.kernels(node.group)) != 0)
    report_failure(site, system_error("join the process group " + std::to_string(node.group), -errno));
  pass(site, Step::joined);
  settle_terminal(site, node);
  if (node.role == Role::zombie) end_as(node.status);
  settle_children(site, node);
  if (is_temporary(node.role)) ::_exit(0);
  if (node.role == Role::parent) release_system_v(site);
  if (node.role == Role::parent) let_go(site);
  pass(site, Step::settled);
  if (node.role == Role::parent) stand_in(site);
  become_member(site, node.member);
}

}  // namespace

Result<int> fork_with_id(const Ids& ids, int pid, int exit_signal) {
  clone_args arguments{};
  arguments.exit_signal = static_cast<std::uint64_t>(exit_signal);
  if (!ids.are_translated()) {
    arguments.set_tid = reinterpret_cast<std::uint64_t>(&pid);
    arguments.set_tid_size = 1;
  }
  const long result = ::syscall(SYS_clone3, &arguments, sizeof arguments);
  if (result < 0) return system_error("make a process with the id " + std::to_string(pid), -errno);
  ids.enter(pid, result == 0 ? ::getpid() : static_cast<int>(result));
  return static_cast<int>(result);
}

Status fork_children(Site& site, const std::vector<int>& children) {
  for (const int child : children) {
    const TreeNode& node = site.tree.nodes[static_cast<std::size_t>(child)];
    STASIS_TRY_VALUE(const int pid, fork_with_id(site.ids, node.pid, node.exit_signal));
    if (pid == 0) live(site, child);
  }
  return {};
}

std::size_t expected_reports(const Tree& tree, Step step) {
  if (step != Step::settled) return tree.nodes.size();
  return static_cast<std::size_t>(
      std::count_if(tree.nodes.begin(), tree.nodes.end(), [](const TreeNode& node) { return !is_temporary(node.role) && node.role != Role::zombie; }));
}

}  // namespace stasis::restart
