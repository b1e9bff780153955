/* Blocked signals stay pending for the one thread that they were sent to, also when that is not the main thread. */
#include <pthread.h>

#include "stasis_test.h"

static int step[2];
static sigset_t mask;

static int take_one(int code) {
  siginfo_t info = {0};
  const int taken = sigtimedwait(&mask, &info, &(struct timespec){0, 0});
  CHECK(taken < 0 || (info.si_code == code && info.si_pid == getpid()));
  return taken;
}

static void *work(void *unused) {
  (void)unused;
  wait_for_event(step[0]);
  CHECK(take_one(SI_QUEUE) == SIGRTMIN + 2 && take_one(SI_USER) == SIGRTMIN + 3); /* glibc says SI_USER for SI_TKILL */
  CHECK(take_one(0) == -1 && errno == EAGAIN);
  return NULL;
}

int main(void) {
  pthread_t thread;
  sigemptyset(&mask);
  sigaddset(&mask, SIGRTMIN + 2);
  sigaddset(&mask, SIGRTMIN + 3);
  CHECK(pipe(step) == 0 && pthread_sigmask(SIG_BLOCK, &mask, NULL) == 0 && pthread_create(&thread, NULL, work, NULL) == 0);
  CHECK(pthread_sigqueue(thread, SIGRTMIN + 2, (union sigval){.sival_int = 1}) == 0 && pthread_kill(thread, SIGRTMIN + 3) == 0);

  ready_and_wait();

  CHECK(take_one(0) == -1 && errno == EAGAIN); /* they are not the main thread's */
  signal_event(step[1]);
  CHECK(pthread_join(thread, NULL) == 0);
  return pass();
}
