// The namespaces of a computation, see namespace.hpp and user_namespaces(7), pid_namespaces(7).
// World: programs.
#include "restart_wrapper/namespace.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

Error refused(const char* what) {
  Error failure = error(ErrorCode::no_namespace, what);
  failure.sys_errno = errno;
  return failure;
}

bool write_file(const char* path, const std::string& text) {
  const int fd = ::open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool done = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int reason = errno;
  ::close(fd);
  errno = reason;
  return done;
}

bool may_administer() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  if (::geteuid() != 0 || ::syscall(SYS_capget, &header, data) != 0) return false;
  return (data[0].effective & (1u << CAP_SYS_ADMIN)) != 0;
}

Result<int> clone_process(long flags) {
  const long child = ::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr);
  if (child < 0) return refused("make namespaces");
  return static_cast<int>(child);
}

// The session must be led by somebody outside the new pid namespace: by a process between, which makes the child a child of ours
// (CLONE_PARENT), says what became of it, and ends.
Result<int> clone_in_own_session(long flags) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("create a pipe", -errno);
  UniqueFd reading(ends[0]), writing(ends[1]);
  const pid_t between = ::fork();
  if (between < 0) return system_error("fork", -errno);
  if (between == 0) {
    ::setsid();
    const Result<int> child = clone_process(flags | CLONE_PARENT);
    if (child && *child == 0) return 0;
    const int said = child ? *child : -child.error().sys_errno;
    [[maybe_unused]] const ssize_t told = ::write(writing.get(), &said, sizeof said);
    ::_exit(0);
  }
  writing.reset();
  int said = -ECHILD;
  ssize_t got;
  do got = ::read(reading.get(), &said, sizeof said);
  while (got < 0 && errno == EINTR);
  while (::waitpid(between, nullptr, 0) < 0 && errno == EINTR) {
  }
  errno = -said;
  if (said < 0) return refused("make namespaces");
  return said;
}

}  // namespace

Identity identity(bool in_namespace) { return {::geteuid(), ::getegid(), !may_administer(), in_namespace}; }

Result<int> fork_into_namespace(const Identity& identity, Session session, bool own_ipc) {
  const long flags = (identity.in_namespace ? CLONE_NEWPID | CLONE_NEWNS | (identity.own_users ? CLONE_NEWUSER : 0) | (own_ipc ? CLONE_NEWIPC : 0) : 0) | SIGCHLD;
  return session == Session::shared ? clone_process(flags) : clone_in_own_session(flags);
}

Status furnish_namespace(const Identity& identity) {
  if (!identity.in_namespace) {
    ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);  // members fetch descriptors from us (pidfd_getfd(2)), which Yama allows to ancestors only
    return ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 ? Status() : Status(refused("adopt processes"));
  }
  if (identity.own_users) {
    // Without CAP_SETGID outside, a group map may only be written when setgroups(2) is given up.
    const std::string user = std::to_string(identity.user), group = std::to_string(identity.group);
    if (!write_file("/proc/self/setgroups", "deny")) return refused("give up setgroups");
    if (!write_file("/proc/self/uid_map", user + " " + user + " 1\n")) return refused("map the user");
    if (!write_file("/proc/self/gid_map", group + " " + group + " 1\n")) return refused("map the group");
  }
  // What is mounted on it shall not be seen outside. Not "/", which is no mount in a chroot.
  if (::mount(nullptr, "/proc", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return refused("keep mounts inside");
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) return refused("mount /proc");
  return {};
}

void end_all_children() {
  do {
    char text[4096];
    const int fd = ::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    const ssize_t got = ::read(fd, text, sizeof text);
    ::close(fd);
    // A number that the end of the text cuts off is read whole when those before it have ended.
    int child = 0;
    for (ssize_t i = 0; i < got; ++i) {
      if (text[i] != ' ') child = child * 10 + (text[i] - '0');
      else ::kill(std::exchange(child, 0), SIGKILL);
    }
  } while (::waitpid(-1, nullptr, __WALL) > 0 || errno == EINTR);
}

Result<long> check_namespace() {
  struct Finding {
    Error failure;
    long id_limit = 0;
  };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("create a pipe", -errno);
  UniqueFd reading(ends[0]), writing(ends[1]);
  const Identity who = identity();
  STASIS_TRY_VALUE(const int child, fork_into_namespace(who, Session::shared));
  if (child == 0) {
    Finding found;
    if (const Status status = furnish_namespace(who); !status.ok()) found.failure = status.error();
    else std::ifstream("/proc/sys/kernel/pid_max") >> found.id_limit;
    [[maybe_unused]] const ssize_t told = ::write(writing.get(), &found, sizeof found);
    ::_exit(0);
  }
  writing.reset();
  Finding found;
  ssize_t got;
  do got = ::read(reading.get(), &found, sizeof found);
  while (got < 0 && errno == EINTR);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (got != sizeof found) return error(ErrorCode::no_namespace, "its first process did not answer");
  if (found.failure.code != ErrorCode::none) return found.failure;
  return found.id_limit;
}

}  // namespace stasis::restart
