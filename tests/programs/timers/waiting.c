/* Threads that wait with a time limit, in locks, conditions, semaphores, raw futexes, poll and pselect, wait as long as they had left, and
 * none learns of an interruption. */
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <threads.h>
#include <time.h>

#include "stasis_test.h"

enum { kCases = 16, kSeconds = 4 };
static int up[2], end[2], quiet[2];
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t written = PTHREAD_RWLOCK_INITIALIZER;
static sem_t empty;
static unsigned word;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int condition_times_out(clockid_t clock, const struct timespec *until) {
  pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t never = PTHREAD_COND_INITIALIZER;
  pthread_mutex_lock(&own);
  return pthread_cond_clockwait(&never, &own, clock, until) == ETIMEDOUT;
}

static long futex(int operation, const struct timespec *time) { return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, 0, time, NULL, FUTEX_BITSET_MATCH_ANY); }

static void wait_in(size_t which, const struct timespec *by_realtime, const struct timespec *by_monotonic) {
  const struct timespec relative = {kSeconds, 0};
  fd_set read_from;
  FD_ZERO(&read_from);
  FD_SET(quiet[0], &read_from);
  sigset_t none;
  sigemptyset(&none);
  struct timespec left = relative;
  switch (which) {
    case 0: CHECK(pthread_mutex_timedlock(&held, by_realtime) == ETIMEDOUT); break;
    case 1: CHECK(pthread_mutex_clocklock(&held, CLOCK_MONOTONIC, by_monotonic) == ETIMEDOUT); break;
    case 2: CHECK(condition_times_out(CLOCK_REALTIME, by_realtime)); break;
    case 3: CHECK(condition_times_out(CLOCK_MONOTONIC, by_monotonic)); break;
    case 4: CHECK(sem_timedwait(&empty, by_realtime) == -1 && errno == ETIMEDOUT); break;
    case 5: CHECK(sem_clockwait(&empty, CLOCK_MONOTONIC, by_monotonic) == -1 && errno == ETIMEDOUT); break;
    case 6: CHECK(pthread_rwlock_timedrdlock(&written, by_realtime) == ETIMEDOUT); break;
    case 7: CHECK(futex(FUTEX_WAIT, &relative) == -1 && errno == ETIMEDOUT); break;
    case 8: CHECK(futex(FUTEX_WAIT_BITSET, by_monotonic) == -1 && errno == ETIMEDOUT); break;
    case 9: CHECK(ppoll(&(struct pollfd){quiet[0], POLLIN, 0}, 1, &relative, &none) == 0); break;
    case 10: CHECK(pselect(quiet[0] + 1, &read_from, NULL, NULL, &relative, &none) == 0); break;
    case 11: CHECK(poll(&(struct pollfd){quiet[0], POLLIN, 0}, 1, kSeconds * 1000) == 0); break;
    case 12: CHECK(sleep(kSeconds) == 0); break;
    case 13: CHECK(usleep(kSeconds * 1000000 - 1) == 0); break;
    case 14: CHECK(thrd_sleep(&relative, &left) == 0); break;
    case 15: CHECK(syscall(SYS_clock_nanosleep, CLOCK_BOOTTIME, 0, &relative, &left) == 0); break;
  }
}

static void *waiter(void *argument) {
  struct timespec by_realtime, by_monotonic;
  clock_gettime(CLOCK_REALTIME, &by_realtime);
  clock_gettime(CLOCK_MONOTONIC, &by_monotonic);
  by_realtime.tv_sec += kSeconds, by_monotonic.tv_sec += kSeconds;
  const double before = now();
  signal_event(up[1]);
  wait_in((size_t)argument, &by_realtime, &by_monotonic);
  const double waited = now() - before;
  /* By the clock that stands still meanwhile, a limit by the time of day may pass while the program is away. */
  const int by_time_of_day = (size_t)argument % 2 == 0 && (size_t)argument <= 6;
  const double least = by_time_of_day ? 0 : kSeconds - 0.01;
  if (waited < least || waited > 2 * kSeconds - 0.1) dprintf(1, "case %zu waited %f\n", (size_t)argument, waited);
  CHECK(waited >= least && waited < 2 * kSeconds - 0.1);
  wait_for_event(end[0]); /* a slow checkpoint sees no thread end */
  return NULL;
}

int main(void) {
  pthread_t threads[kCases];
  CHECK(pipe(up) == 0 && pipe(end) == 0 && pipe(quiet) == 0 && sem_init(&empty, 0, 0) == 0);
  CHECK(pthread_mutex_lock(&held) == 0 && pthread_rwlock_wrlock(&written) == 0);
  for (size_t i = 0; i < kCases; i++) CHECK(pthread_create(&threads[i], NULL, waiter, (void *)i) == 0);
  for (size_t i = 0; i < kCases; i++) wait_for_event(up[0]);

  ready_and_wait();

  for (int i = 0; i < kCases; i++) signal_event(end[1]);
  for (int i = 0; i < kCases; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  return pass();
}
