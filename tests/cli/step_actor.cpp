// What a launch proxy and the SPANK plugin do for a step of srun, as far as coordinators and restart see it: steps can be tested without Slurm.
//
//   step_actor join STORE PART LIBRARY COMMAND ARGS...   becomes COMMAND, the first process of PART, as the plugin makes a task it
//   step_actor launch ID COMMAND ARGS...                 runs COMMAND outside of the computation, as a launch proxy runs srun, and anew after a
//                                                        restart; ends as it does
// World: programs.
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "cli/control_client.hpp"
#include "core/run_directory.hpp"

extern char** environ;

namespace {

using namespace stasis;

int fail(const char* what, const Error& failure) {
  std::fprintf(stderr, "step_actor: %s: %s: %s\n", what, std::string(describe(failure.code).text).c_str(), failure.detail.c_str());
  return 99;
}

std::string stdio_identities() {
  std::string text;
  for (int fd = 0; fd != 3; ++fd) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) status = {};
    char one[64];
    std::snprintf(one, sizeof one, "%s%lx:%lx", fd == 0 ? "" : ",", static_cast<unsigned long>(status.st_dev), static_cast<unsigned long>(status.st_ino));
    text += one;
  }
  return text;
}

int join(const std::string& store, const std::string& part, const char* library, char** command) {
  Result<cli::CoordinatorAddress> found = cli::find_coordinator(store);
  if (!found) return fail("no root coordinator", found.error());
  cli::CoordinatorAddress coordinator = *found;
  if (part != store_layout::kRootPart) {
    coordinator.computation += "." + part;
    coordinator.socket = coordinator_socket_of(coordinator.computation);
  }
  proto::Request request;
  request.verb = proto::Verb::register_root;
  request.pid = ::getpid();
  if (const auto registered = cli::ask(coordinator, request); !registered) return fail("cannot register", registered.error());
  ::setenv(environment::kComputation, coordinator.computation.c_str(), 1);
  ::setenv(environment::kRunDirectory, coordinator.run_directory().c_str(), 1);
  ::setenv(environment::kStdio, stdio_identities().c_str(), 1);
  ::setenv(environment::kPreload, library, 1);
  for (const char* name : {environment::kLaunch, environment::kLaunchAgain}) ::unsetenv(name);
  ::execvp(command[0], command);
  std::perror(command[0]);
  return 99;
}

struct Launch {
  char** command;
  std::vector<char*> environment;
};

// In our memory while we stand still. A raw system call: the library's exec would bring the computation's variables back.
int become_launcher(void* argument) {
  const Launch& launch = *static_cast<Launch*>(argument);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::syscall(SYS_execve, launch.command[0], launch.command, launch.environment.data());
  ::_exit(99);
}

int launch(const std::string& id, char** command) {
  const std::string variable = std::string(environment::kLaunch) + "=" + id, again = std::string(environment::kLaunchAgain) + "=1";
  Launch launch{command, {}};
  for (char** entry = environ; *entry != nullptr; ++entry)
    if (const std::string_view text(*entry); !text.starts_with("STASIS_") && !text.starts_with("LD_PRELOAD=")) launch.environment.push_back(*entry);
  launch.environment.insert(launch.environment.end(), {const_cast<char*>(variable.c_str()), nullptr});
  for (;;) {
    alignas(16) static std::array<char, 65536> stack;
    const pid_t child = ::clone(become_launcher, stack.data() + stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, &launch);
    int status = 0;
    pid_t ended;
    while ((ended = ::waitpid(child, &status, 0)) < 0 && errno == EINTR) {
    }
    if (ended == child) return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (launch.environment.size() < 2 || child < 0) return 99;
    launch.environment.back() = const_cast<char*>(again.c_str());  // a restart has brought us back without it
    launch.environment.push_back(nullptr);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view role = argc > 1 ? argv[1] : "";
  if (role == "join" && argc > 5) return join(argv[2], argv[3], argv[4], argv + 5);
  if (role == "launch" && argc > 3) return launch(argv[2], argv + 3);
  std::fputs("usage: step_actor join STORE PART LIBRARY COMMAND... | step_actor launch ID COMMAND...\n", stderr);
  return 99;
}
