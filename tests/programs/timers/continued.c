/* Sleeps that a stop (SIGSTOP, SIGCONT) has interrupted and the kernel goes on with by itself: nanosleep, clock_nanosleep and poll count what they have slept since. */
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

#include "stasis_test.h"

enum { kThreads = 3, kSeconds = 4, kBefore = 3 };
static int up[2], over[2];
static double *begun, *ended; /* of each sleep, shared */

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *asleep(void *argument) {
  const struct timespec long_time = {kSeconds, 0};
  begun[(size_t)argument] = now();
  signal_event(up[1]);
  switch ((size_t)argument) {
    case 0: CHECK(nanosleep(&long_time, NULL) == 0); break;
    case 1: CHECK(poll(NULL, 0, kSeconds * 1000) == 0); break;
    case 2: CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, NULL) == 0); break;
  }
  ended[(size_t)argument] = now();
  wait_for_event(over[0]); /* a slow checkpoint sees no thread end */
  return NULL;
}

static void child(void) {
  pthread_t threads[kThreads];
  for (size_t i = 1; i < kThreads; i++) CHECK(pthread_create(&threads[i], NULL, asleep, (void *)i) == 0);
  asleep(0);
  for (size_t i = 1; i < kThreads; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  _exit(0);
}

int main(void) {
  int status;
  begun = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ended = begun + kThreads;
  CHECK(begun != MAP_FAILED && pipe(up) == 0 && pipe(over) == 0);
  const pid_t sleeper = fork();
  if (sleeper == 0) child();
  for (int i = 0; i < kThreads; i++) wait_for_event(up[0]);
  CHECK(kill(sleeper, SIGSTOP) == 0 && waitpid(sleeper, &status, WUNTRACED) == sleeper && WIFSTOPPED(status));
  CHECK(kill(sleeper, SIGCONT) == 0 && waitpid(sleeper, &status, WCONTINUED) == sleeper && WIFCONTINUED(status));
  CHECK(nanosleep(&(struct timespec){kBefore, 0}, NULL) == 0); /* that much is slept at the checkpoint */

  ready_and_wait();

  const double resumed = now();
  for (int i = 0; i < kThreads; i++) signal_event(over[1]);
  CHECK(waitpid(sleeper, &status, 0) == sleeper && status == 0);
  /* However long the checkpoint took: less than a whole sleep is left after it. */
  for (int i = 0; i < kThreads; i++) CHECK(ended[i] >= begun[i] + kSeconds - 0.01 && ended[i] < resumed + kSeconds - 0.5);
  return pass();
}
