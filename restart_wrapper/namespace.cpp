// The namespaces of a computation, see namespace.hpp and user_namespaces(7), pid_namespaces(7).
// World: programs.
#include "restart_wrapper/namespace.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

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

}  // namespace

Identity identity() { return {::geteuid(), ::getegid(), !may_administer()}; }

Result<int> fork_into_namespace(const Identity& identity) {
  const long flags = CLONE_NEWPID | CLONE_NEWNS | (identity.own_users ? CLONE_NEWUSER : 0) | SIGCHLD;
  const long child = ::syscall(SYS_clone, flags, nullptr, nullptr, nullptr, nullptr);
  if (child < 0) return refused("make namespaces");
  return static_cast<int>(child);
}

Status furnish_namespace(const Identity& identity) {
  if (identity.own_users) {
    // Without CAP_SETGID outside, a group map may only be written when setgroups(2) is given up.
    const std::string user = std::to_string(identity.user), group = std::to_string(identity.group);
    if (!write_file("/proc/self/setgroups", "deny")) return refused("give up setgroups");
    if (!write_file("/proc/self/uid_map", user + " " + user + " 1\n")) return refused("map the user");
    if (!write_file("/proc/self/gid_map", group + " " + group + " 1\n")) return refused("map the group");
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) return refused("keep mounts inside");
  if (::mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) != 0) return refused("mount /proc");
  return {};
}

Status check_namespace() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("create a pipe", -errno);
  const Identity who = identity();
  const Result<int> child = fork_into_namespace(who);
  if (child.ok() && *child == 0) {
    const Status status = furnish_namespace(who);
    if (!status.ok()) {
      [[maybe_unused]] const ssize_t told = ::write(ends[1], &status.error(), sizeof(Error));
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  Error failure = child.error();
  const bool told = child.ok() && ::read(ends[0], &failure, sizeof failure) == sizeof failure;
  ::close(ends[0]);
  if (!child.ok()) return failure;
  int status = 0;
  while (::waitpid(*child, &status, 0) < 0 && errno == EINTR) {
  }
  if (told) return failure;
  return {};
}

}  // namespace stasis::restart
