/* What prctl and the scheduler know of a process: niceness, policy, affinity, timer slack, death signal, subreaper, no-new-privileges. */
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "stasis_test.h"

int main(void) {
  cpu_set_t one, now;
  struct sched_param parameters = {0};
  int first = 0, death = 0, reaper = 0;
  CHECK(sched_getaffinity(0, sizeof now, &now) == 0);
  while (!CPU_ISSET(first, &now)) first++;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0 && setpriority(PRIO_PROCESS, 0, 15) == 0);
  CHECK(sched_setscheduler(0, SCHED_BATCH, &parameters) == 0);
  CHECK(prctl(PR_SET_TIMERSLACK, 123456) == 0 && prctl(PR_SET_PDEATHSIG, SIGUSR2) == 0);
  CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);

  ready_and_wait();

  CHECK(sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, &one));
  CHECK(getpriority(PRIO_PROCESS, 0) == 15 && sched_getscheduler(0) == SCHED_BATCH);
  CHECK(prctl(PR_GET_TIMERSLACK) == 123456);
  CHECK(prctl(PR_GET_PDEATHSIG, &death) == 0 && death == SIGUSR2);
  CHECK(prctl(PR_GET_CHILD_SUBREAPER, &reaper) == 0 && reaper == 1);
  CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
  return pass();
}
