/* POSIX timers keep their ids, their settings and how they notify; a running one goes on ticking. */
#include <time.h>

#include "stasis_test.h"

int main(void) {
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 4, .sigev_value.sival_int = 77};
  struct sigevent silent = {.sigev_notify = SIGEV_NONE};
  const struct itimerspec far = {{50, 0}, {1000, 0}}, ticking = {{0, 20000000}, {0, 20000000}};
  struct itimerspec now;
  timer_t deleted, idle, counting, tick;
  sigset_t mask;
  siginfo_t info;
  sigemptyset(&mask);
  sigaddset(&mask, SIGRTMIN + 4);
  CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
  CHECK(timer_create(CLOCK_MONOTONIC, &silent, &deleted) == 0 && timer_create(CLOCK_REALTIME, &silent, &idle) == 0);
  CHECK(timer_create(CLOCK_MONOTONIC, &silent, &counting) == 0 && timer_settime(counting, 0, &far, NULL) == 0);
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &tick) == 0 && timer_settime(tick, 0, &ticking, NULL) == 0);
  CHECK(timer_delete(deleted) == 0);

  ready_and_wait();

  CHECK(timer_gettime(idle, &now) == 0 && now.it_value.tv_sec == 0 && now.it_value.tv_nsec == 0);
  CHECK(timer_gettime(counting, &now) == 0 && now.it_interval.tv_sec == 50);
  CHECK(now.it_value.tv_sec > 1000 - 60 && now.it_value.tv_sec < 1000);
  for (int i = 0; i < 5; i++) {
    CHECK(sigwaitinfo(&mask, &info) == SIGRTMIN + 4);
    CHECK(info.si_code == SI_TIMER && info.si_value.sival_int == 77);
  }
  CHECK(timer_gettime(tick, &now) == 0 && now.it_interval.tv_nsec == 20000000);
  CHECK(timer_delete(tick) == 0 && timer_delete(idle) == 0 && timer_delete(counting) == 0);
  return pass();
}
