/* Blocked signals stay pending, for the process and for a thread, real-time ones queued in order with their values. */
#include <pthread.h>

#include "stasis_test.h"

int main(void) {
  sigset_t mask, pending, seen;
  siginfo_t info;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  sigaddset(&mask, SIGTERM);
  sigaddset(&mask, SIGRTMIN + 1);
  CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
  for (int i = 0; i < 20; i++) CHECK(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = i * i}) == 0);
  CHECK(kill(getpid(), SIGTERM) == 0 && pthread_kill(pthread_self(), SIGUSR1) == 0);

  ready_and_wait();

  CHECK(sigprocmask(SIG_BLOCK, NULL, &seen) == 0);
  CHECK(sigismember(&seen, SIGUSR1) && sigismember(&seen, SIGRTMIN + 1) && !sigismember(&seen, SIGUSR2));
  CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) && sigismember(&pending, SIGTERM));
  for (int i = 0; i < 20; i++) {
    sigset_t rt;
    sigemptyset(&rt);
    sigaddset(&rt, SIGRTMIN + 1);
    CHECK(sigtimedwait(&rt, &info, &(struct timespec){0, 0}) == SIGRTMIN + 1);
    CHECK(info.si_value.sival_int == i * i && info.si_code == SI_QUEUE && info.si_pid == getpid());
  }
  CHECK(sigtimedwait(&mask, &info, &(struct timespec){0, 0}) == SIGUSR1 && info.si_code == SI_USER);  /* glibc says so for SI_TKILL */
  CHECK(sigtimedwait(&mask, &info, &(struct timespec){0, 0}) == SIGTERM && info.si_code == SI_USER);
  CHECK(sigtimedwait(&mask, &info, &(struct timespec){0, 0}) == -1 && errno == EAGAIN);
  return pass();
}
