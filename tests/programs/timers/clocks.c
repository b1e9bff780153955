/* No clock jumps back, whichever machine the program goes on on; monotonic ones stand still while it is away, a timer and a sleep by absolute time too. */
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

#include "stasis_test.h"

static const clockid_t kClocks[] = {CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_REALTIME, CLOCK_REALTIME_COARSE, CLOCK_TAI};
enum { kCount = sizeof kClocks / sizeof kClocks[0] };

static double read_clock(clockid_t clock) {
  struct timespec now;
  CHECK(clock_gettime(clock, &now) == 0);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double read_by_call(clockid_t clock) { /* not by the vdso */
  struct timespec now;
  CHECK(syscall(SYS_clock_gettime, clock, &now) == 0);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int done[2];

static void *sleep_until(void *end) {
  CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, end, NULL) == 0);
  wait_for_event(done[0]); /* a slow checkpoint sees no thread end */
  return NULL;
}

int main(void) {
  double before[kCount];
  struct timespec end;
  struct itimerspec far = {.it_value = {100000, 0}}, left;
  timer_t timer;
  pthread_t thread;
  for (int i = 0; i < kCount; i++) before[i] = read_clock(kClocks[i]);
  CHECK(clock_gettime(CLOCK_MONOTONIC, &end) == 0 && pipe(done) == 0);
  far.it_value.tv_sec += end.tv_sec;
  end.tv_sec += 3;
  CHECK(timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_NONE}, &timer) == 0);
  CHECK(timer_settime(timer, TIMER_ABSTIME, &far, NULL) == 0 && pthread_create(&thread, NULL, sleep_until, &end) == 0);

  ready_and_wait();

  for (int i = 0; i < kCount; i++) {
    const double now = read_clock(kClocks[i]), asked = read_by_call(kClocks[i]);
    if (now < before[i] || asked < now - 0.1 || now > before[i] + 100) dprintf(1, "clock %d: %f, then %f and %f\n", (int)kClocks[i], before[i], now, asked);
    CHECK(now >= before[i] && asked >= now - 0.1 && now < before[i] + 100);
  }
  CHECK(read_clock(CLOCK_BOOTTIME) >= read_clock(CLOCK_MONOTONIC) - 0.1);
  CHECK(timer_gettime(timer, &left) == 0 && left.it_value.tv_sec <= 100000 && left.it_value.tv_sec > 100000 - 100);
  signal_event(done[1]);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(read_clock(CLOCK_MONOTONIC) >= (double)end.tv_sec && read_clock(CLOCK_MONOTONIC) < (double)end.tv_sec + 100);
  return pass();
}
