/* Threads that read monotonic clocks and sleep until a moment later, again and again, never see one go back or jump, and never sleep for long, wherever the stop hits them. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "stasis_test.h"

enum { kReaders = 2, kSleepers = 3, kRounds = 50 };
/* Machines differ by hours; how long a busy thread waits for a processor is nobody's business here. */
static const long long kMost = 100 * 1000000000ll;
static const clockid_t kClocks[] = {CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_MONOTONIC_COARSE};
static atomic_int is_over;
static atomic_long rounds[kReaders + kSleepers];

static long long now_ns(clockid_t clock) {
  struct timespec time;
  CHECK(clock_gettime(clock, &time) == 0);
  return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void check_step(clockid_t clock, long long before, long long after) {
  if (after < before || after - before > kMost) dprintf(1, "clock %d: %lld, then %lld\n", (int)clock, before, after);
  CHECK(after >= before && after - before <= kMost);
}

static void *read_on(void *number) {
  long long last[3] = {now_ns(kClocks[0]), now_ns(kClocks[1]), now_ns(kClocks[2])};
  while (!atomic_load(&is_over)) {
    for (int i = 0; i < 3; i++) {
      const long long now = now_ns(kClocks[i]);
      check_step(kClocks[i], last[i], now);
      last[i] = now;
    }
    /* Not all the time: the coordinator needs a processor, too. */
    if (atomic_fetch_add(&rounds[(size_t)number], 1) % 100 == 0) CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){0, 200000}, NULL) == 0);
  }
  return NULL;
}

static void *sleep_on(void *number) {
  pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t never = PTHREAD_COND_INITIALIZER;
  CHECK(pthread_mutex_lock(&own) == 0);
  while (!atomic_load(&is_over)) {
    const long long before = now_ns(CLOCK_MONOTONIC), end = before + 50000;
    const struct timespec until = {end / 1000000000, end % 1000000000};
    if ((size_t)number % 2 == 0) CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == 0);
    else CHECK(pthread_cond_clockwait(&never, &own, CLOCK_MONOTONIC, &until) == ETIMEDOUT);
    check_step(CLOCK_MONOTONIC, end, now_ns(CLOCK_MONOTONIC));
    atomic_fetch_add(&rounds[(size_t)number], 1);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[kReaders + kSleepers];
  for (size_t i = 0; i < kReaders + kSleepers; i++) CHECK(pthread_create(&threads[i], NULL, i < kReaders ? read_on : sleep_on, (void *)i) == 0);

  ready_and_wait();

  for (size_t i = 0; i < kReaders + kSleepers; i++)
    for (const long before = atomic_load(&rounds[i]); atomic_load(&rounds[i]) < before + kRounds;) CHECK(usleep(1000) == 0);
  atomic_store(&is_over, 1);
  for (size_t i = 0; i < kReaders + kSleepers; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  return pass();
}
