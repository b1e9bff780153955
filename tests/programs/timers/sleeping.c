/* Threads asleep in nanosleep, clock_nanosleep, poll, select and sigtimedwait sleep at least their time, and not much more. */
#include <poll.h>
#include <pthread.h>
#include <sys/select.h>
#include <time.h>

#include "stasis_test.h"

enum { kThreads = 6, kSeconds = 4 };
static int up[2], end[2];
static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}
static void *asleep(void *argument) {
  const struct timespec long_time = {kSeconds, 0};
  struct timespec until;
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  const double before = now();
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += kSeconds;
  signal_event(up[1]);
  switch ((size_t)argument) {
    case 0: CHECK(nanosleep(&long_time, NULL) == 0); break;
    case 1: CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0); break;
    case 2: CHECK(poll(NULL, 0, kSeconds * 1000) == 0); break;
    case 3: CHECK(select(0, NULL, NULL, NULL, &(struct timeval){kSeconds, 0}) == 0); break;
    case 4: CHECK(sigtimedwait(&mask, NULL, &long_time) == -1 && errno == EAGAIN); break;
    case 5: CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, NULL) == 0); break;
  }
  const double slept = now() - before;
  /* Time spent as an image may count or not; a lost or doubled sleep shows. */
  if (slept < kSeconds - 0.01 || slept > 2 * kSeconds - 0.1) dprintf(1, "case %zu slept %f\n", (size_t)argument, slept);
  CHECK(slept >= kSeconds - 0.01 && slept < 2 * kSeconds - 0.1);
  wait_for_event(end[0]); /* a slow checkpoint sees no thread end */
  return NULL;
}

int main(void) {
  pthread_t threads[kThreads];
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  CHECK(pipe(up) == 0 && pipe(end) == 0 && pthread_sigmask(SIG_BLOCK, &mask, NULL) == 0);
  for (size_t i = 0; i < kThreads; i++) CHECK(pthread_create(&threads[i], NULL, asleep, (void *)i) == 0);
  for (size_t i = 0; i < kThreads; i++) wait_for_event(up[0]);

  ready_and_wait();

  for (int i = 0; i < kThreads; i++) signal_event(end[1]);
  for (int i = 0; i < kThreads; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  return pass();
}
