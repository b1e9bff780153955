/* A timer whose signal is blocked counts how often it would have come: the signal that waits tells of all of them, and the timer goes on. */
#include <time.h>

#include "stasis_test.h"

int main(void) {
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 3, .sigev_value.sival_int = 6};
  const struct itimerspec every = {{0, 1000000}, {0, 1000000}}, off = {{0, 0}, {0, 0}};
  struct timespec start, now;
  timer_t timer;
  sigset_t mask;
  siginfo_t info;
  sigemptyset(&mask);
  sigaddset(&mask, SIGRTMIN + 3);
  CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0 && timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  CHECK(clock_gettime(CLOCK_MONOTONIC, &start) == 0 && timer_settime(timer, 0, &every, NULL) == 0);
  const struct timespec until = {start.tv_sec, start.tv_nsec + 100000000};
  const struct timespec normal = {until.tv_sec + until.tv_nsec / 1000000000, until.tv_nsec % 1000000000};
  CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &normal, NULL) == 0); /* a hundred times */

  ready_and_wait();

  long times = 0;
  for (int signals = 0; signals < 3; signals++) {
    CHECK(sigwaitinfo(&mask, &info) == SIGRTMIN + 3 && info.si_code == SI_TIMER && info.si_value.sival_int == 6);
    CHECK(info.si_overrun >= 0);
    times += 1 + info.si_overrun;
  }
  CHECK(timer_settime(timer, 0, &off, NULL) == 0 && clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  const long passed = (now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000;
  if (times < 100 || times > passed + 2) dprintf(1, "%ld times in %ld ms\n", times, passed);
  CHECK(times >= 100 && times <= passed + 2);
  return pass();
}
