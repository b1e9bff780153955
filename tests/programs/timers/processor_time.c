/* Timers of processor time, ITIMER_PROF and ITIMER_VIRTUAL, and alarm keep what is left and fire when it is used up. */
#include <sys/time.h>

#include "stasis_test.h"

static volatile sig_atomic_t profiled, virtual;
static void on_signal(int signal) {
  if (signal == SIGPROF) profiled++;
  if (signal == SIGVTALRM) virtual ++;
}

int main(void) {
  const struct itimerval soon = {{0, 20000}, {0, 20000}};
  struct itimerval left;
  volatile unsigned long work = 0;
  CHECK(signal(SIGPROF, on_signal) != SIG_ERR && signal(SIGVTALRM, on_signal) != SIG_ERR);
  CHECK(setitimer(ITIMER_PROF, &soon, NULL) == 0 && setitimer(ITIMER_VIRTUAL, &soon, NULL) == 0);
  alarm(100000);

  ready_and_wait();

  profiled = virtual = 0;
  while (profiled < 2 || virtual < 2) work++;
  CHECK(getitimer(ITIMER_PROF, &left) == 0 && left.it_interval.tv_sec == 0 && left.it_interval.tv_usec == 20000);
  const unsigned rest = alarm(0);
  CHECK(rest > 99000 && rest <= 100000);
  return pass();
}
