/* Ten thousand signals wait in a process's queue and as many in a thread's: none is lost, none doubled, and the order stays. */
#include <pthread.h>
#include <sys/syscall.h>

#include "stasis_test.h"

enum { kCount = 10000 };
static sigset_t mask;
static int go[2], up[2];

static void take(int from) {
  siginfo_t info;
  for (int i = 0; i < kCount; i++) CHECK(sigtimedwait(&mask, &info, &(struct timespec){0, 0}) == SIGRTMIN + 9 && info.si_value.sival_int == from + i);
}

static void *thread(void *unused) {
  for (int i = 0; i < kCount; i++) CHECK(pthread_sigqueue(pthread_self(), SIGRTMIN + 9, (union sigval){.sival_int = i}) == 0);
  signal_event(up[1]);
  wait_for_event(go[0]);
  take(0);
  signal_event(up[1]);
  return unused;
}

int main(void) {
  pthread_t other;
  siginfo_t info;
  sigemptyset(&mask);
  sigaddset(&mask, SIGRTMIN + 9);
  CHECK(pipe(go) == 0 && pipe(up) == 0 && sigprocmask(SIG_BLOCK, &mask, NULL) == 0 && pthread_create(&other, NULL, thread, NULL) == 0);
  wait_for_event(up[0]);
  for (int i = 0; i < kCount; i++) CHECK(sigqueue(getpid(), SIGRTMIN + 9, (union sigval){.sival_int = 50000 + i}) == 0);

  ready_and_wait();

  signal_event(go[1]);
  wait_for_event(up[0]);
  take(50000);
  CHECK(sigtimedwait(&mask, &info, &(struct timespec){0, 0}) == -1 && errno == EAGAIN && pthread_join(other, NULL) == 0);
  return pass();
}
