// Processes that the test driver starts, see process.hpp. World: programs.
#include "tests/driver/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>

namespace stasis::tests {
namespace {

using Clock = std::chrono::steady_clock;

class Deadline {
 public:
  int left() const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end_ - Clock::now()).count();
    return left < 0 ? 0 : static_cast<int>(left);
  }

 private:
  Clock::time_point end_ = Clock::now() + std::chrono::milliseconds(kPatienceMilliseconds);
};

int shell_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

[[noreturn]] void become(const Command& command, const Environment& extra, int out) {
  const int in = open("/dev/null", O_RDONLY);
  dup2(in, 0);
  dup2(out, 1);
  dup2(out, 2);
  close_range(3, ~0U, 0);
  for (const std::string& entry : extra) {
    const auto equals = entry.find('=');
    setenv(entry.substr(0, equals).c_str(), entry.substr(equals + 1).c_str(), 1);
  }
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  dprintf(2, "driver: cannot run %s: %s\n", arguments[0], strerror(errno));
  _exit(127);
}

std::vector<pid_t> children() {
  std::ifstream list("/proc/thread-self/children");
  std::vector<pid_t> result;
  for (pid_t pid; list >> pid;) result.push_back(pid);
  return result;
}

std::string describe(pid_t pid) {
  std::string line = read_all("/proc/" + std::to_string(pid) + "/cmdline");
  for (char& c : line)
    if (c == '\0') c = ' ';
  return std::to_string(pid) + " (" + line + ")";
}

}  // namespace

std::string read_all(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::string text;
  if (fd < 0) return text;
  char buffer[16384];
  for (ssize_t got; (got = ::read(fd, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(got));
  ::close(fd);
  return text;
}

Process::Process(const Command& command, const Environment& extra) : name_(command[0]) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw Failure("pipe2: " + std::string(strerror(errno)));
  pid_ = fork();
  if (pid_ < 0) throw Failure("fork: " + std::string(strerror(errno)));
  if (pid_ == 0) become(command, extra, ends[1]);
  close(ends[1]);
  out_ = ends[0];
  fcntl(out_, F_SETFL, O_NONBLOCK);
  pidfd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (pidfd_ < 0) throw Failure("pidfd_open: " + std::string(strerror(errno)));
}

Process::~Process() {
  close(out_);
  close(pidfd_);
}

bool Process::has_line(const std::string& line) const { return ("\n" + output_).find("\n" + line + "\n") != std::string::npos; }

void Process::read_available() {
  char buffer[4096];
  for (ssize_t n; (n = read(out_, buffer, sizeof buffer)) > 0;) output_.append(buffer, static_cast<size_t>(n));
}

void Process::wait_for_line(const std::string& line) {
  const Deadline deadline;
  for (;;) {
    read_available();
    if (has_line(line)) return;
    pollfd wanted[] = {{out_, POLLIN, 0}, {pidfd_, POLLIN, 0}};
    const int n = poll(wanted, 2, deadline.left());
    if (n == 0) throw Failure("no line \"" + line + "\" in time from " + name_ + "; its output:\n" + output_);
    if ((wanted[1].revents & POLLIN) == 0) continue;
    read_available();
    if (has_line(line)) return;
    throw Failure(name_ + " ended with status " + std::to_string(wait()) + " before the line \"" + line + "\"; its output:\n" + output_);
  }
}

int Process::wait() {
  if (!ended_) {
    const Deadline deadline;
    for (;;) {
      read_available();
      pollfd wanted[] = {{pidfd_, POLLIN, 0}, {out_, POLLIN, 0}};
      const int n = poll(wanted, wanted[1].fd < 0 ? 1 : 2, deadline.left());
      if (n == 0) throw Failure(name_ + " did not end in time; its output:\n" + output_);
      if (wanted[0].revents & POLLIN) break;
      if (wanted[1].revents & POLLHUP) {  // closed its output: only its end is left to wait for
        pollfd end = {pidfd_, POLLIN, 0};
        if (poll(&end, 1, deadline.left()) == 0) throw Failure(name_ + " did not end in time; its output:\n" + output_);
        break;
      }
    }
    int status = 0;
    if (waitpid(pid_, &status, 0) != pid_) throw Failure("waitpid: " + std::string(strerror(errno)));
    status_ = shell_status(status);
    ended_ = true;
    read_available();
  }
  return status_;
}

int run(const Command& command, std::string& output) {
  Process process(command);
  const int status = process.wait();
  output = process.output();
  return status;
}

void wait_for_file(const std::filesystem::path& file, Process& process) {
  const Deadline deadline;
  const int events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (events < 0 || inotify_add_watch(events, file.parent_path().c_str(), IN_CREATE | IN_MOVED_TO) < 0) throw Failure("inotify: " + std::string(strerror(errno)));
  char buffer[4096];
  while (!std::filesystem::exists(file)) {
    pollfd either[] = {{events, POLLIN, 0}, {process.pidfd(), POLLIN, 0}};
    if (poll(either, 2, deadline.left()) == 0) throw Failure("no file " + file.string() + " in time");
    if (either[1].revents & POLLIN) throw Failure("ended with status " + std::to_string(process.wait()) + " before there was " + file.string() + ":\n" + process.output());
    while (read(events, buffer, sizeof buffer) > 0) {
    }
  }
  close(events);
}

void adopt_descendants() {
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) throw Failure("prctl: " + std::string(strerror(errno)));
}

void wait_for_all_gone(pid_t except) {
  const Deadline deadline;
  for (;;) {
    std::vector<pid_t> left = children();
    std::erase(left, except);
    if (left.empty()) return;
    const int fd = static_cast<int>(syscall(SYS_pidfd_open, left[0], 0));
    pollfd end = {fd, POLLIN, 0};
    const int n = poll(&end, 1, deadline.left());
    close(fd);
    if (n == 0) throw Failure("left behind: " + describe(left[0]));
    waitpid(left[0], nullptr, 0);
  }
}

void end_all_descendants() {
  for (std::vector<pid_t> left = children(); !left.empty(); left = children())
    for (const pid_t pid : left) {
      kill(pid, SIGKILL);
      waitpid(pid, nullptr, 0);
    }
}

}  // namespace stasis::tests
