/* Interval timers are armed again with the time that was left: real, virtual (processor time) and profiling. */
#include <sys/time.h>

#include "stasis_test.h"

static volatile sig_atomic_t alarms;
static void on_alarm(int signal) { (void)signal, alarms++; }

int main(void) {
  const struct itimerval hour = {{7200, 0}, {3600, 0}}, processor = {{0, 0}, {1000, 0}};
  struct itimerval now;
  CHECK(signal(SIGALRM, on_alarm) != SIG_ERR);
  CHECK(setitimer(ITIMER_REAL, &hour, NULL) == 0 && setitimer(ITIMER_VIRTUAL, &processor, NULL) == 0);
  CHECK(setitimer(ITIMER_PROF, &processor, NULL) == 0);

  ready_and_wait();

  CHECK(getitimer(ITIMER_REAL, &now) == 0 && now.it_interval.tv_sec == 7200);
  CHECK(now.it_value.tv_sec > 3600 - 60 && now.it_value.tv_sec <= 3600);
  CHECK(getitimer(ITIMER_VIRTUAL, &now) == 0 && now.it_value.tv_sec >= 990 && now.it_value.tv_sec <= 1000 && now.it_interval.tv_sec == 0);
  CHECK(getitimer(ITIMER_PROF, &now) == 0 && now.it_value.tv_sec >= 990);
  const struct itimerval soon = {{0, 0}, {0, 10000}};
  sigset_t mask, old;
  sigemptyset(&mask);
  sigaddset(&mask, SIGALRM);
  CHECK(alarms == 0 && sigprocmask(SIG_BLOCK, &mask, &old) == 0 && setitimer(ITIMER_REAL, &soon, NULL) == 0);
  sigdelset(&old, SIGALRM);
  while (alarms == 0) sigsuspend(&old);
  return pass();
}
