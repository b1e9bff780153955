// See signals.hpp.
// World: programs.
#include "launch_proxy/signals.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace stasis::launch_proxy {
namespace {

constexpr int kPassedOn[] = {SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT, SIGPIPE, SIGWINCH, SIGPROF};

std::atomic<pid_t> receiver = 0;
std::atomic<bool> group_is_shared = false;
std::atomic<unsigned long> kept = 0;  // bit n: signal n
sigset_t waiting;

// Whether it is still the process that was started: after a restart it is gone, and its id may be somebody else's.
bool is_our_child(pid_t pid) {
  siginfo_t unused{};
  return pid != 0 && ::waitid(P_PID, static_cast<id_t>(pid), &unused, WEXITED | WNOHANG | WNOWAIT) == 0;
}

void pass_on(int signal, siginfo_t* info, void*) {
  if (signal == SIGPIPE && info->si_pid == ::getpid()) return;                       // our own writing; the error is enough
  if (group_is_shared && (info->si_code == SI_KERNEL || signal == SIGCONT)) return;  // srun has got it too
  const int saved = errno;
  const pid_t child = receiver;
  if (is_our_child(child))
    ::kill(child, signal);
  else
    kept.fetch_or(1ul << signal);
  errno = saved;
}

void child_changed(int) {}

}  // namespace

InheritedSignals catch_signals() {
  InheritedSignals inherited;
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) inherited.ignored.push_back(signal);
  }
  sigset_t ours;
  ::sigemptyset(&ours);
  struct sigaction action {};
  action.sa_sigaction = pass_on;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  ::sigfillset(&action.sa_mask);
  for (const int signal : kPassedOn) {
    ::sigaddset(&ours, signal);
    ::sigaction(signal, &action, nullptr);
  }
  // Not ignored, or the kernel would take srun's status away; blocked, so that it is noticed exactly where it is waited for.
  struct sigaction child {};
  child.sa_handler = child_changed;
  ::sigaction(SIGCHLD, &child, nullptr);
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &blocked, &inherited.mask);
  ::sigprocmask(SIG_UNBLOCK, &ours, nullptr);
  ::sigprocmask(SIG_BLOCK, nullptr, &waiting);
  ::sigdelset(&waiting, SIGCHLD);
  return inherited;
}

void pass_signals_to(pid_t child, bool shares_group) {
  group_is_shared = shares_group;
  receiver = child;
  const unsigned long now = kept.exchange(0);
  for (const int signal : kPassedOn) {
    if ((now >> signal & 1) != 0) ::kill(child, signal);
  }
}

void release_signals(const InheritedSignals& inherited) {
  for (const int signal : kPassedOn) ::signal(signal, SIG_DFL);
  for (const int signal : inherited.ignored) ::signal(signal, SIG_IGN);
  ::signal(SIGPIPE, SIG_IGN);
  ::sigprocmask(SIG_SETMASK, &inherited.mask, nullptr);
}

const sigset_t& mask_while_waiting() { return waiting; }

}  // namespace stasis::launch_proxy
