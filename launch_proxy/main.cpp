// stasis-launch-proxy PATH ARGV0 ARGS...: runs srun, which is the file PATH, with its arguments, and shows itself to its parent as if it were srun.
//
// The preloaded library puts it in the place of srun in a checkpointed batch job (hijack/interpose); nobody else has a use for it.
// World: programs.
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <exception>

#include "launch_proxy/proxy.hpp"

namespace {

using namespace stasis;

// As srun has ended; if by a signal, then without a core of ours over srun's.
int end_as(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  const int signal = WTERMSIG(status);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::signal(signal, SIG_DFL);
  sigset_t mask;
  ::sigemptyset(&mask);
  ::sigaddset(&mask, signal);
  ::sigprocmask(SIG_UNBLOCK, &mask, nullptr);
  ::raise(signal);
  return 128 + signal;
}

int complain(const Error& failure) {
  const ErrorText text = describe(failure.code);
  std::fprintf(stderr, "stasis-launch-proxy: %s: %s: %s\n", std::string(text.text).c_str(), failure.detail.c_str(), std::strerror(failure.sys_errno));
  return text.exit_status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: stasis-launch-proxy PATH ARGV0 ARGS...\n");
    return describe(ErrorCode::usage).exit_status;
  }
  try {
    launch_proxy::Proxy proxy(argv[1], std::vector<std::string>(argv + 2, argv + argc));
    const Result<int> status = proxy.run();
    return status ? end_as(*status) : complain(status.error());
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "stasis-launch-proxy: %s\n", problem.what());
    return describe(ErrorCode::defect).exit_status;
  }
}
