/* What was used does not go back: processor time of process and thread by every clock, clock(), times() and getrusage(), of children that were waited for
 * too; a child born afterwards begins with nothing. */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <time.h>

#include "stasis_test.h"

enum { kKinds = 11, kBurn = 60 }; /* milliseconds */
static int up[2], go[2];

static double seconds(clockid_t clock) {
  struct timespec now;
  CHECK(clock_gettime(clock, &now) == 0);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double of_usage(int who) {
  struct rusage usage;
  CHECK(getrusage(who, &usage) == 0 && usage.ru_utime.tv_usec >= 0 && usage.ru_utime.tv_usec < 1000000);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void burn(void) {
  const double end = seconds(CLOCK_THREAD_CPUTIME_ID) + kBurn / 1e3;
  while (seconds(CLOCK_THREAD_CPUTIME_ID) < end) continue;
}

/* In seconds; of the process first. */
static void read_all(double *used) {
  struct tms ticks;
  clockid_t process, thread;
  CHECK(clock_getcpuclockid(0, &process) == 0 && pthread_getcpuclockid(pthread_self(), &thread) == 0);
  used[0] = seconds(CLOCK_PROCESS_CPUTIME_ID), used[1] = seconds(process), used[2] = (double)clock() / CLOCKS_PER_SEC, used[3] = of_usage(RUSAGE_SELF);
  used[4] = seconds(CLOCK_THREAD_CPUTIME_ID), used[5] = seconds(thread), used[6] = of_usage(RUSAGE_THREAD);
  used[7] = of_usage(RUSAGE_CHILDREN);
  used[8] = (double)times(&ticks) / 100;
  used[9] = (double)(ticks.tms_utime + ticks.tms_stime) / 100, used[10] = (double)(ticks.tms_cutime + ticks.tms_cstime) / 100;
}

/* Twice divided by ten milliseconds and rounded down, a time may be two of them short. */
static void check_continues(const double *before, const double *after) {
  for (int i = 0; i < kKinds; i++) {
    const double slack = i < 9 ? 0.0001 : 0.03;
    if (after[i] < before[i] - slack || after[i] > before[i] + 30) dprintf(1, "kind %d: %f, then %f\n", i, before[i], after[i]);
    CHECK(after[i] >= before[i] - slack && after[i] < before[i] + 30);
  }
}

static void *thread(void *unused) {
  double before[kKinds], after[kKinds];
  burn();
  read_all(before);
  CHECK(before[4] >= kBurn / 1e3 && before[0] >= before[4]);
  signal_event(up[1]);
  wait_for_event(go[0]);
  read_all(after);
  check_continues(before, after);
  return unused;
}

static pid_t child(void) {
  const pid_t pid = fork();
  if (pid == 0) {
    CHECK(seconds(CLOCK_PROCESS_CPUTIME_ID) < kBurn / 2e3 && seconds(CLOCK_THREAD_CPUTIME_ID) < kBurn / 2e3 && of_usage(RUSAGE_SELF) < kBurn / 2e3);
    CHECK(of_usage(RUSAGE_CHILDREN) == 0);
    burn();
    _exit(0);
  }
  return pid;
}

int main(void) {
  double before[kKinds], after[kKinds];
  int status;
  struct rusage usage, usage_after;
  pthread_t other;
  CHECK(pipe(up) == 0 && pipe(go) == 0 && waitpid(child(), &status, 0) > 0 && status == 0);
  CHECK(pthread_create(&other, NULL, thread, NULL) == 0);
  wait_for_event(up[0]);
  burn();
  read_all(before);
  CHECK(getrusage(RUSAGE_SELF, &usage) == 0 && before[0] >= 2 * kBurn / 1e3 && before[7] >= kBurn / 1e3 * 0.9);

  ready_and_wait();

  read_all(after);
  check_continues(before, after);
  CHECK(getrusage(RUSAGE_SELF, &usage_after) == 0 && usage_after.ru_maxrss >= usage.ru_maxrss && usage_after.ru_minflt >= usage.ru_minflt);
  CHECK(usage_after.ru_nvcsw >= usage.ru_nvcsw);
  CHECK(waitpid(child(), &status, 0) > 0 && status == 0 && of_usage(RUSAGE_CHILDREN) >= before[7] + kBurn / 1e3 * 0.9);
  signal_event(go[1]);
  CHECK(pthread_join(other, NULL) == 0);
  return pass();
}
