/* Every signal blocked in every thread, the blocked ones read by signalfd(2) with a full set, waited for by sigwaitinfo with a full set, and a process that is in sigsuspend with all
 * but one blocked: a checkpoint wakes none of them, and each gets what it waits for. */
#include <pthread.h>
#include <sys/signalfd.h>

#include "stasis_test.h"

static sigset_t all;
static int up[2];
static void *reads(void *descriptor) {
  struct signalfd_siginfo info;
  signal_event(up[1]);
  CHECK(read(*(int *)descriptor, &info, sizeof info) == sizeof info && (int)info.ssi_signo == SIGRTMIN + 3);
  return descriptor;
}
static void on_signal(int signal) { (void)signal; }

int main(void) {
  pthread_t thread;
  sigset_t one;
  int status, reader;
  void *result;
  siginfo_t info;
  CHECK(pipe(up) == 0 && sigfillset(&all) == 0 && pthread_sigmask(SIG_SETMASK, &all, NULL) == 0);
  sigemptyset(&one);
  sigaddset(&one, SIGRTMIN + 3);
  reader = signalfd(-1, &one, SFD_CLOEXEC);
  const int full = signalfd(-1, &all, SFD_NONBLOCK);
  CHECK(reader >= 0 && full >= 0 && pthread_create(&thread, NULL, reads, &reader) == 0);
  const pid_t waits = fork();
  if (waits == 0) {
    signal_event(up[1]);
    CHECK(sigwaitinfo(&all, &info) == SIGTERM && info.si_pid == getppid());
    _exit(5);
  }
  const pid_t suspends = fork();
  if (suspends == 0) {
    CHECK(signal(SIGHUP, on_signal) != SIG_ERR);
    sigdelset(&all, SIGHUP);
    signal_event(up[1]);
    CHECK(sigsuspend(&all) == -1 && errno == EINTR);
    _exit(7);
  }
  for (int i = 0; i < 3; i++) wait_for_event(up[0]);
  until_blocked_in(waits, SYS_rt_sigtimedwait);
  until_blocked_in(suspends, SYS_rt_sigsuspend);
  CHECK(raise(SIGUSR2) == 0);

  ready_and_wait();

  struct signalfd_siginfo read_info;
  CHECK(waitpid(-1, &status, WNOHANG) == 0);
  CHECK(kill(waits, SIGTERM) == 0 && waitpid(waits, &status, 0) == waits && WEXITSTATUS(status) == 5);
  CHECK(kill(suspends, SIGHUP) == 0 && waitpid(suspends, &status, 0) == suspends && WEXITSTATUS(status) == 7);
  CHECK(kill(getpid(), SIGRTMIN + 3) == 0 && pthread_join(thread, &result) == 0 && result == &reader);
  int found = 0;
  while (read(full, &read_info, sizeof read_info) == sizeof read_info) found |= read_info.ssi_signo == SIGUSR2 ? 1 : read_info.ssi_signo == SIGCHLD ? 2 : 4;
  CHECK(found == 3);
  return pass();
}
