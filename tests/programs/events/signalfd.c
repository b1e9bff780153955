/* Signal descriptors: standard and queued real-time signals that are read after the restart, with their values, and a reader that waits. */
#include <pthread.h>
#include <sys/signalfd.h>

#include "stasis_test.h"

static int waited, up[2];

static void *reader(void *unused) {
  struct signalfd_siginfo info;
  signal_event(up[1]);
  CHECK(read(waited, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR2);
  return unused;
}

int main(void) {
  sigset_t signals, other;
  struct signalfd_siginfo info;
  pthread_t thread;
  sigemptyset(&signals), sigemptyset(&other);
  sigaddset(&signals, SIGUSR1), sigaddset(&signals, SIGRTMIN + 3), sigaddset(&other, SIGUSR2);
  sigset_t all = signals;
  sigaddset(&all, SIGUSR2);
  CHECK(sigprocmask(SIG_BLOCK, &all, NULL) == 0 && pipe(up) == 0);
  const int fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  waited = signalfd(-1, &other, 0);
  CHECK(fd >= 0 && waited >= 0 && pthread_create(&thread, NULL, reader, NULL) == 0);
  wait_for_event(up[0]);
  CHECK(kill(getpid(), SIGUSR1) == 0);
  for (int i = 0; i != 3; i++) CHECK(sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 40 + i}) == 0);
  ready_and_wait();

  CHECK(read(fd, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR1 && info.ssi_pid == (unsigned)getpid());
  for (int i = 0; i != 3; i++) CHECK(read(fd, &info, sizeof info) == sizeof info && info.ssi_signo == (unsigned)SIGRTMIN + 3 && info.ssi_int == 40 + i);
  CHECK(read(fd, &info, sizeof info) == -1 && errno == EAGAIN);
  CHECK(kill(getpid(), SIGUSR2) == 0 && pthread_join(thread, NULL) == 0);
  CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
  return pass();
}
