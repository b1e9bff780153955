/* What each thread has of its own: policy (batch, idle), niceness, I/O priority, affinity, timer slack, name, whether it gave up new privileges, whether
 * it may read the time stamp counter. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <x86intrin.h>

#include "stasis_test.h"

enum { kThreads = 4 };
static const struct {
  int policy, nice, io, slack, privileges, time_stamps;
  const char *name;
} kWanted[kThreads] = {{SCHED_OTHER, 3, 2 << 13 | 7, 50000, 0, PR_TSC_ENABLE, "plain"},
                       {SCHED_BATCH, 5, 2 << 13 | 5, 111111, 0, PR_TSC_ENABLE, "batch"},
                       {SCHED_IDLE, 0, 3 << 13, 222222, 1, PR_TSC_ENABLE, "idle"},
                       {SCHED_OTHER, 9, 0, 333333, 0, PR_TSC_SIGSEGV, "blind"}};
static int up[2], go[2];
static cpu_set_t all;
static int nice_before;
static sigjmp_buf back;

static void on_fault(int signal) { siglongjmp(back, signal); }

static int sees_time_stamps(void) {
  if (sigsetjmp(back, 1) != 0) return PR_TSC_SIGSEGV;
  (void)__rdtsc();
  return PR_TSC_ENABLE;
}

/* The one with this number among those that we may run on. */
static int processor(size_t number) {
  int found = -1;
  for (size_t i = 0; i <= number % (size_t)CPU_COUNT(&all); i++)
    do found++;
    while (!CPU_ISSET(found, &all));
  return found;
}

static void *thread(void *argument) {
  const size_t me = (size_t)argument;
  cpu_set_t one;
  char name[16];
  int time_stamps = 0;
  const struct sched_param none = {0};
  CPU_ZERO(&one);
  CPU_SET(processor(me), &one);
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0 && setpriority(PRIO_PROCESS, (id_t)gettid(), nice_before + kWanted[me].nice) == 0);
  CHECK(sched_setscheduler(0, kWanted[me].policy, &none) == 0);
  if (kWanted[me].io) CHECK(syscall(SYS_ioprio_set, 1, 0, kWanted[me].io) == 0);
  CHECK(prctl(PR_SET_TIMERSLACK, kWanted[me].slack) == 0 && prctl(PR_SET_NAME, kWanted[me].name) == 0);
  if (kWanted[me].privileges) CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_TSC, kWanted[me].time_stamps, 0, 0, 0) == 0);
  const long io = syscall(SYS_ioprio_get, 1, 0);
  signal_event(up[1]);
  wait_for_event(go[0]);
  CHECK(sched_getaffinity(0, sizeof one, &one) == 0 && CPU_COUNT(&one) == 1 && CPU_ISSET(processor(me), &one));
  CHECK(getpriority(PRIO_PROCESS, (id_t)gettid()) == nice_before + kWanted[me].nice && sched_getscheduler(0) == kWanted[me].policy);
  CHECK(syscall(SYS_ioprio_get, 1, 0) == io && (kWanted[me].io == 0 || io == kWanted[me].io));
  CHECK(prctl(PR_GET_TIMERSLACK) == kWanted[me].slack && prctl(PR_GET_NAME, name) == 0 && strcmp(name, kWanted[me].name) == 0);
  CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == kWanted[me].privileges);
  CHECK(prctl(PR_GET_TSC, &time_stamps) == 0 && time_stamps == kWanted[me].time_stamps && sees_time_stamps() == time_stamps);
  signal_event(up[1]);
  return NULL;
}

int main(void) {
  pthread_t threads[kThreads];
  nice_before = getpriority(PRIO_PROCESS, 0);
  CHECK(pipe(up) == 0 && pipe(go) == 0 && sched_getaffinity(0, sizeof all, &all) == 0 && signal(SIGSEGV, on_fault) != SIG_ERR);
  for (size_t i = 0; i < kThreads; i++) CHECK(pthread_create(&threads[i], NULL, thread, (void *)i) == 0);
  for (int i = 0; i < kThreads; i++) wait_for_event(up[0]);

  ready_and_wait();

  for (int i = 0; i < kThreads; i++) { /* one after the other, for they share one place to jump back to */
    signal_event(go[1]);
    wait_for_event(up[0]);
  }
  for (int i = 0; i < kThreads; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  return pass();
}
