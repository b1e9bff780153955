// Takes process ids, see squatter.hpp. World: programs.
#include "tests/driver/squatter.hpp"

#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <vector>

#include "tests/driver/process.hpp"

namespace stasis::tests {
namespace {

// clone3(2) with set_tid: the id must be free and the caller privileged over its pid namespace. Returns an errno.
int start_at(pid_t wanted, std::vector<pid_t>& started) {
  clone_args arguments{};
  arguments.exit_signal = SIGCHLD;
  arguments.set_tid = reinterpret_cast<uint64_t>(&wanted);
  arguments.set_tid_size = 1;
  const auto pid = static_cast<pid_t>(syscall(SYS_clone3, &arguments, sizeof arguments));
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  if (pid < 0) return errno;
  started.push_back(pid);
  return 0;
}

[[noreturn]] void serve(int channel) {
  std::vector<pid_t> started;
  for (pid_t wanted; read(channel, &wanted, sizeof wanted) == sizeof wanted;) {
    const int error = start_at(wanted, started);
    if (write(channel, &error, sizeof error) != sizeof error) break;
  }
  for (const pid_t pid : started) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  _exit(0);
}

}  // namespace

Squatter::Squatter() {
  if (geteuid() != 0) return;
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) throw Failure("socketpair");
  child_ = fork();
  if (child_ < 0) throw Failure("fork");
  if (child_ == 0) {
    close(ends[0]);
    serve(ends[1]);
  }
  close(ends[1]);
  channel_ = ends[0];
}

Squatter::~Squatter() { leave(); }

bool Squatter::take(pid_t wanted) {
  if (channel_ < 0) return false;
  int error = 0;
  if (write(channel_, &wanted, sizeof wanted) != sizeof wanted || read(channel_, &error, sizeof error) != sizeof error) throw Failure("the squatter is gone");
  if (error != 0) throw Failure("taking the process id " + std::to_string(wanted) + ": " + strerror(error));
  return true;
}

void Squatter::leave() {
  if (channel_ < 0) return;
  close(channel_);
  channel_ = -1;
  waitpid(child_, nullptr, 0);
}

}  // namespace stasis::tests
