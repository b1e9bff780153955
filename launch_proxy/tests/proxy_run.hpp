// Runs a shell command in the place of srun, by the launch proxy or without it, with streams of the test's.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <vector>

namespace stasis::launch_proxy {

inline constexpr int kPatienceMs = 20'000;

struct TestPipe {
  int ends[2] = {-1, -1};
  TestPipe() { EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0); }
  ~TestPipe() { close_reading(), close_writing(); }
  TestPipe(const TestPipe&) = delete;
  TestPipe& operator=(const TestPipe&) = delete;
  int reading() const { return ends[0]; }
  int writing() const { return ends[1]; }
  void close_reading() {
    if (ends[0] >= 0) ::close(std::exchange(ends[0], -1));
  }
  void close_writing() {
    if (ends[1] >= 0) ::close(std::exchange(ends[1], -1));
  }
};

// Whether something can be read (or the end has come) within the time.
inline bool readable(int fd, int milliseconds = kPatienceMs) {
  pollfd event{fd, POLLIN, 0};
  return ::poll(&event, 1, milliseconds) > 0;
}

inline std::string read_some(int fd) {
  char buffer[65536];
  if (!readable(fd)) {
    ADD_FAILURE() << "nothing came";
    return {};
  }
  const ssize_t got = ::read(fd, buffer, sizeof buffer);
  return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : std::string();
}

inline std::string read_to_end(int fd) {
  std::string all;
  for (std::string piece; !(piece = read_some(fd)).empty();) all += piece;
  return all;
}

inline std::string read_line(int fd) {
  std::string line;
  for (char c = 0; c != '\n' && readable(fd) && ::read(fd, &c, 1) == 1;) line += c;
  return line;
}

// Both to their ends, whichever comes first.
inline void read_both(int first, std::string& from_first, int second, std::string& from_second) {
  pollfd events[2] = {{first, POLLIN, 0}, {second, POLLIN, 0}};
  std::string* const texts[2] = {&from_first, &from_second};
  while (events[0].fd >= 0 || events[1].fd >= 0) {
    if (::poll(events, 2, kPatienceMs) <= 0) {
      ADD_FAILURE() << "nothing came";
      return;
    }
    for (int i = 0; i != 2; ++i) {
      if (events[i].fd < 0 || events[i].revents == 0) continue;
      const std::string piece = read_some(events[i].fd);
      *texts[i] += piece;
      if (piece.empty()) events[i].fd = -1;
    }
  }
}

struct Setup {
  bool by_proxy = true;
  int streams[3] = {-1, -1, -1};          // -1: /dev/null
  std::vector<std::string> options = {};  // of srun, in front of -c
  std::function<void()> in_child = [] {};
};

// /bin/sh -c `script`, called srun.
class Running {
 public:
  Running(const std::string& script, const Setup& setup) {
    std::vector<std::string> words{"srun"};
    words.insert(words.end(), setup.options.begin(), setup.options.end());
    words.insert(words.end(), {"-c", script});
    if (setup.by_proxy) words.insert(words.begin(), {STASIS_TEST_PROXY, "/bin/sh"});
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::setpgid(0, 0);
    for (int fd = 0; fd != 3; ++fd) {
      const int from = setup.streams[fd] >= 0 ? setup.streams[fd] : ::open("/dev/null", O_RDWR);
      ::dup2(from, fd);
    }
    ::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    setup.in_child();
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execv(setup.by_proxy ? argv[0] : "/bin/sh", argv.data());
    ::_exit(127);
  }
  ~Running() {
    if (pid_ > 0) ::kill(pid_, SIGKILL), ::waitpid(pid_, nullptr, 0);
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  pid_t pid() const { return pid_; }
  // The status of waitpid(2).
  int wait(rusage* usage = nullptr) {
    int status = -1;
    EXPECT_EQ(::wait4(pid_, &status, 0, usage), pid_);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
};

struct Seen {
  int status = 0;
  std::string out, err;
  bool operator==(const Seen&) const = default;
};
inline void PrintTo(const Seen& seen, std::ostream* stream) {
  *stream << "status " << seen.status << ", stdout " << ::testing::PrintToString(seen.out) << ", stderr " << ::testing::PrintToString(seen.err);
}

// Runs it to its end with a little output.
inline Seen run(const std::string& script, Setup setup = {}) {
  TestPipe out, err;
  setup.streams[1] = out.writing();
  setup.streams[2] = err.writing();
  Running running(script, setup);
  out.close_writing(), err.close_writing();
  Seen seen;
  read_both(out.reading(), seen.out, err.reading(), seen.err);
  seen.status = running.wait();
  return seen;
}

// What it does with and without the proxy must be the same.
inline Seen run_both_ways(const std::string& script, Setup setup = {}) {
  setup.by_proxy = false;
  const Seen without = run(script, setup);
  setup.by_proxy = true;
  const Seen with = run(script, setup);
  EXPECT_EQ(with, without) << script;
  return with;
}

}  // namespace stasis::launch_proxy
