// The launch proxy with a shell in the place of srun: what is seen of it from outside, and what the shell sees, is as without it.
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <regex>

#include "launch_proxy/tests/proxy_run.hpp"

namespace stasis::launch_proxy {
namespace {

TEST(Proxy, ShowsSrunsStatus) {
  for (const char* script : {"exit 0", "exit 1", "exit 255", "kill -TERM $$", "kill -KILL $$", "kill -SEGV $$", "kill -USR1 $$", "kill -PIPE $$"})
    run_both_ways(script);
  run_both_ways("ulimit -c unlimited; cd /tmp; exit 7");
}

TEST(Proxy, PassesBothStreamsOn) {
  run_both_ways("echo out; echo err >&2; printf 'no newline'");
  run_both_ways("printf 'a\\000b\\002stasis-drain \\003\\n'; printf '\\377\\376' >&2");
  run_both_ways("echo a; exec >&-; echo b >&2");
  run_both_ways("i=0; while [ $i -lt 2000 ]; do echo line $i; echo error $i >&2; i=$((i+1)); done");
}

// Only the launch's own variables are new, and every launch has another id.
TEST(Proxy, GivesSrunItsEnvironment) {
  const auto id = [] {
    const std::string out = run("echo \"$STASIS_LAUNCH.$STASIS_LAUNCH_AGAIN.$STASIS_LAUNCH_UNDRAINED.$STASIS_COMPUTATION.$LD_PRELOAD\"",
                                {.in_child =
                                     [] {
                                       ::setenv("STASIS_COMPUTATION", "0123456789abcdef", 1);
                                       ::setenv("STASIS_LAUNCH_AGAIN", "1", 1);
                                     }})
                                .out;
    EXPECT_TRUE(std::regex_match(out, std::regex("[0-9a-f]{8}\\.\\.\\.\\.\n"))) << out;
    return out;
  };
  EXPECT_NE(id(), id());
}

TEST(Proxy, LooksIntoTheRunDirectory) {
  const std::filesystem::path directory = std::filesystem::temp_directory_path() / ("stasis-proxy-test-" + std::to_string(::getpid()));
  std::filesystem::create_directory(directory);
  std::ofstream(directory / "environment") << std::string("SLURM_JOB_NODELIST=n2\0", 22);
  std::filesystem::create_symlink("/some/store", directory / "store");
  const Seen seen = run("echo $SLURM_JOB_NODELIST $STASIS_RUN $STASIS_LAUNCH_STORE", {.in_child = [&] {
                          ::setenv("STASIS_RUN", directory.c_str(), 1);
                          ::setenv("SLURM_JOB_NODELIST", "n1", 1);
                        }});
  EXPECT_EQ(seen.out, "n2 /some/store\n");
  std::filesystem::remove_all(directory);
}

TEST(Proxy, LeavesSignalsAndDescriptorsAsTheyWere) {
  const std::string look = "grep -E 'Sig(Blk|Ign)' /proc/self/status; for f in 0 1 2 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$f ] && echo $f; done";
  run_both_ways(look);
  run_both_ways(look, {.in_child = [] {
                  ::signal(SIGINT, SIG_IGN), ::signal(SIGQUIT, SIG_IGN), ::signal(SIGCHLD, SIG_IGN), ::signal(SIGPIPE, SIG_IGN);
                  sigset_t mask;
                  ::sigemptyset(&mask);
                  for (const int signal : {SIGUSR1, SIGCHLD, SIGTERM, SIGRTMIN + 3}) ::sigaddset(&mask, signal);
                  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
                }});
  run_both_ways("[ -e /proc/$$/fd/2 ] || echo no stderr", {.in_child = [] { ::close(2); }});
  run_both_ways("[ -e /proc/$$/fd/0 ] || echo no stdin", {.in_child = [] { ::close(0); }});
  EXPECT_EQ(run_both_ways("exit 4", {.in_child = [] { ::close(0), ::close(1), ::close(2); }}).status, 4 << 8);
}

TEST(Proxy, ReadsInputFromWhereverItComes) {
  const std::string path = "/tmp/stasis-proxy-test-" + std::to_string(::getpid());
  std::ofstream(path) << "one\ntwo\nthree\n";
  // The position in the file is shared: what srun does not read is left for others.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(run("head -c 4", {.streams = {file}}).out, "one\n");
  EXPECT_EQ(::lseek(file, 0, SEEK_CUR), 4);
  ::close(file);
  ::unlink(path.c_str());
  TestPipe in;
  EXPECT_EQ(::write(in.writing(), "piped", 5), 5);
  in.close_writing();
  EXPECT_EQ(run("cat; cat; echo end", {.streams = {in.reading()}}).out, "pipedend\n");
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  EXPECT_EQ(::write(pair[0], "socket", 6), 6);
  ::shutdown(pair[0], SHUT_WR);
  EXPECT_EQ(run("cat", {.streams = {pair[1]}}).out, "socket");
  ::close(pair[0]), ::close(pair[1]);
}

TEST(Proxy, RelaysADialogue) {
  TestPipe in, out;
  Running running("while read line; do echo \"<$line>\"; done; echo bye", {.streams = {in.reading(), out.writing(), -1}});
  out.close_writing(), in.close_reading();
  for (const std::string line : {"a", "b", "c"}) {
    ASSERT_EQ(::write(in.writing(), (line + "\n").data(), 2), 2);
    EXPECT_EQ(read_line(out.reading()), "<" + line + ">\n");
  }
  in.close_writing();
  EXPECT_EQ(read_to_end(out.reading()), "bye\n");
  EXPECT_EQ(running.wait(), 0);
}

// What srun does not take stays where it was, for whoever reads next and for the image of the pipe.
TEST(Proxy, ReadsNoFurtherAheadThanSrun) {
  TestPipe in, out;
  ASSERT_EQ(::write(in.writing(), std::string(60'000, 'x').data(), 60'000), 60'000);
  Running running("head -c 10; echo; read line </dev/fd/3", {.streams = {in.reading(), out.writing(), -1}, .in_child = [] {
                                                               int hold[2];
                                                               if (::pipe(hold) == 0) ::dup2(hold[0], 3);
                                                             }});
  EXPECT_EQ(read_line(out.reading()), "xxxxxxxxxx\n");
  int unread = 0;
  ASSERT_EQ(::ioctl(in.reading(), FIONREAD, &unread), 0);
  EXPECT_GE(unread, 60'000 - 3 * 4096);
}

TEST(Proxy, BlocksSrunWhenNobodyReads) {
  TestPipe out, err;
  Running running("head -c 20000000 /dev/zero; echo done >&2", {.streams = {-1, out.writing(), err.writing()}});
  out.close_writing(), err.close_writing();
  EXPECT_FALSE(readable(err.reading(), 300)) << "twenty megabytes went somewhere";
  EXPECT_EQ(read_to_end(out.reading()).size(), 20'000'000u);
  EXPECT_EQ(read_line(err.reading()), "done\n");
  rusage usage{};
  EXPECT_EQ(running.wait(&usage), 0);
}

TEST(Proxy, CopiesMuchExactly) {
  run_both_ways("seq 1 500000 | tee /dev/stderr");
  TestPipe in, out;
  Running running("cat", {.streams = {in.reading(), out.writing(), -1}});
  in.close_reading(), out.close_writing();
  std::string given;
  for (int i = 0; given.size() < 3'000'000; ++i) given += std::to_string(i) + "\n";
  const pid_t writer = ::fork();
  if (writer == 0) {
    for (std::string_view rest = given; !rest.empty();) {
      const ssize_t put = ::write(in.writing(), rest.data(), rest.size());
      if (put < 0) ::_exit(1);
      rest.remove_prefix(static_cast<std::size_t>(put));
    }
    ::_exit(0);
  }
  in.close_writing();
  EXPECT_TRUE(read_to_end(out.reading()) == given);
  EXPECT_EQ(running.wait(), 0);
  ::waitpid(writer, nullptr, 0);
}

// Without the proxy srun would see it at its next write; so it does with it.
TEST(Proxy, PassesAGoneReaderOn) {
  for (const bool by_proxy : {false, true}) {
    TestPipe out;
    Running running("exec yes", {.by_proxy = by_proxy, .streams = {-1, out.writing(), -1}});
    out.close_writing();
    EXPECT_FALSE(read_some(out.reading()).empty());
    out.close_reading();
    const int status = running.wait();
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE) << by_proxy << ": " << status;
  }
}

TEST(Proxy, DropsWhatCannotBeWritten) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  TestPipe err;
  Running running("head -c 1000000 /dev/zero; echo done >&2", {.streams = {-1, full, err.writing()}});
  err.close_writing();
  EXPECT_EQ(read_to_end(err.reading()), "done\n");
  EXPECT_EQ(running.wait(), 0);
  ::close(full);
}

constexpr const char* kLogSignals = "exec " STASIS_TEST_SIGNAL_LOG;

// A pipe at descriptor 3 that nobody writes to.
void hold_descriptor_3() {
  int hold[2];
  if (::pipe(hold) == 0) ::dup2(hold[0], 3), ::fcntl(hold[1], F_SETFD, 0);
}

pid_t child_of(pid_t parent) {
  std::ifstream children("/proc/" + std::to_string(parent) + "/task/" + std::to_string(parent) + "/children");
  pid_t child = 0;
  children >> child;
  return child;
}

TEST(Proxy, PassesEachSignalOnOnce) {
  for (const bool to_group : {false, true}) {
    TestPipe out;
    Running running(kLogSignals, {.streams = {-1, out.writing(), -1}});
    out.close_writing();
    EXPECT_EQ(read_line(out.reading()), "ready\n");
    for (const auto& [signal, name] : std::initializer_list<std::pair<int, const char*>>{{SIGHUP, "HUP"},
                                                                                         {SIGINT, "INT"},
                                                                                         {SIGQUIT, "QUIT"},
                                                                                         {SIGALRM, "ALRM"},
                                                                                         {SIGTERM, "TERM"},
                                                                                         {SIGUSR1, "USR1"},
                                                                                         {SIGUSR2, "USR2"},
                                                                                         {SIGCONT, "CONT"},
                                                                                         {SIGPROF, "PROF"}}) {
      ::kill(to_group ? -running.pid() : running.pid(), signal);
      EXPECT_EQ(read_line(out.reading()), std::string(name) + "\n");
    }
    ::kill(child_of(running.pid()), SIGURG);
    EXPECT_EQ(read_to_end(out.reading()), "end\n");
    EXPECT_EQ(running.wait(), 0);
  }
}

// Nor is its end kept from the shell by somebody whom srun has left behind and who writes on and on.
TEST(Proxy, IsNotDeafWhileItsOutputIsBlocked) {
  TestPipe out, err;
  Running running("trap 'exit 3' TERM; echo ready >&2; yes & wait", {.streams = {-1, out.writing(), err.writing()}});
  EXPECT_EQ(read_line(err.reading()), "ready\n");
  int unread = 0;
  while (::ioctl(out.reading(), FIONREAD, &unread) == 0 && unread < 60'000) ::poll(nullptr, 0, 1);
  ::kill(running.pid(), SIGTERM);
  out.close_writing();
  read_to_end(out.reading());
  EXPECT_EQ(running.wait(), 3 << 8);
}

// Keys reach both, for srun must be in the terminal's foreground group.
TEST(Proxy, PassesATerminalsKeysOnce) {
  int master = -1, slave = -1;
  ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, nullptr), 0);
  TestPipe out;
  Running running(kLogSignals, {.streams = {slave, out.writing(), -1}, .in_child = [] {
                                  if (::fork() != 0) {  // a leader of a group cannot lead a session
                                    int status = 0;
                                    ::wait(&status);
                                    ::_exit(WEXITSTATUS(status));
                                  }
                                  ::setsid();
                                  ::ioctl(0, TIOCSCTTY, 0);
                                }});
  out.close_writing();
  EXPECT_EQ(read_line(out.reading()), "ready\n");
  ASSERT_EQ(::write(master, "\x03", 1), 1);
  EXPECT_EQ(read_line(out.reading()), "INT\n");
  const pid_t proxy = child_of(running.pid()), srun = child_of(proxy);
  EXPECT_EQ(::getpgid(srun), ::getpgid(proxy));
  ::kill(proxy, SIGTERM);
  EXPECT_EQ(read_line(out.reading()), "TERM\n");
  ::kill(srun, SIGURG);
  EXPECT_EQ(read_to_end(out.reading()), "end\n");
  EXPECT_EQ(running.wait(), 0);
  ::close(master), ::close(slave);
}

TEST(Proxy, EndsSrunWithItself) {
  TestPipe out;
  Running running("echo ready; read x <&3", {.streams = {-1, out.writing(), -1}, .in_child = hold_descriptor_3});
  out.close_writing();
  EXPECT_EQ(read_line(out.reading()), "ready\n");
  const pid_t srun = child_of(running.pid());
  const int watch = static_cast<int>(::syscall(SYS_pidfd_open, srun, 0));
  ASSERT_GE(watch, 0);
  ::kill(running.pid(), SIGKILL);
  running.wait();
  EXPECT_TRUE(readable(watch));
  ::close(watch);
}

TEST(Proxy, SaysThatThereIsNoSrun) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::close(2);
    ::execl(STASIS_TEST_PROXY, "stasis-launch-proxy", "/nonexistent/srun", "srun", "-n1", "a", nullptr);
    ::_exit(1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 127 << 8);
}

}  // namespace
}  // namespace stasis::launch_proxy
