/* The thread that leads the checkpoint in place of a main thread that has ended sleeps on as long as it had left, not anew. */
#include <pthread.h>
#include <time.h>

#include "stasis_test.h"

static pthread_t main_thread;
static const struct timespec all = {8, 0}, half = {4, 0};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *sleep_all(void *unused) {
  (void)unused;
  const double before = now();
  CHECK(nanosleep(&all, NULL) == 0);
  const double slept = now() - before;
  if (slept < 7.99 || slept > 11.9) dprintf(1, "slept %f\n", slept);
  CHECK(slept >= 7.99 && slept < 11.9); /* from the beginning again it would be 12 */
  return NULL;
}

static void *work(void *sleeper) {
  CHECK(pthread_join(main_thread, NULL) == 0 && nanosleep(&half, NULL) == 0);
  ready_and_wait();
  CHECK(pthread_join(*(pthread_t *)sleeper, NULL) == 0);
  pass();
  exit(0);
}

int main(void) {
  static pthread_t sleeper, worker;
  main_thread = pthread_self();
  CHECK(pthread_create(&sleeper, NULL, sleep_all, NULL) == 0 && pthread_create(&worker, NULL, work, &sleeper) == 0);
  pthread_exit(NULL);
}
