/* Absolute times by monotonic clocks, waited for over the restart and given after it, in locks, conditions, semaphores, joins, raw futexes, sleeps and timers, end
 * neither early nor late; children by fork, vfork and exec have the same clocks. */
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <threads.h>
#include <time.h>

#include "stasis_test.h"

enum { kCases = 16 };
extern char **environ;
static double wanted;
static int up[2], ending[2];
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER, inherited;
static pthread_rwlock_t written = PTHREAD_RWLOCK_INITIALIZER;
static pthread_t endless;
static sem_t empty;
static unsigned word;

static double now(clockid_t clock) {
  struct timespec time;
  CHECK(clock_gettime(clock, &time) == 0);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct timespec time_of(double seconds) {
  const time_t whole = (time_t)seconds;
  return (struct timespec){whole, (long)((seconds - (double)whole) * 1e9)};
}

static int condition_times_out(const struct timespec *until, int is_in_attribute) {
  pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t never;
  pthread_condattr_t attributes;
  CHECK(pthread_condattr_init(&attributes) == 0 && (!is_in_attribute || pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0));
  CHECK(pthread_cond_init(&never, &attributes) == 0 && pthread_mutex_lock(&own) == 0);
  return (is_in_attribute ? pthread_cond_timedwait(&never, &own, until) : pthread_cond_clockwait(&never, &own, CLOCK_MONOTONIC, until)) == ETIMEDOUT;
}

static long futex(unsigned *at, int operation, const struct timespec *time) {
  return syscall(SYS_futex, at, operation | FUTEX_PRIVATE_FLAG, 0, time, NULL, FUTEX_BITSET_MATCH_ANY);
}

static void descriptor_fires(clockid_t clock, const struct timespec *until) {
  const int fd = timerfd_create(clock, 0);
  uint64_t ticks;
  ssize_t got;
  CHECK(fd >= 0 && timerfd_settime(fd, TFD_TIMER_ABSTIME, &(struct itimerspec){.it_value = *until}, NULL) == 0);
  do got = read(fd, &ticks, sizeof ticks);
  while (got < 0 && errno == EINTR);
  CHECK(got == 8 && ticks == 1 && close(fd) == 0);
}

static void timer_fires(clockid_t clock, const struct timespec *until) {
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
  sigset_t mask;
  timer_t timer;
  event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  CHECK(timer_create(clock, &event, &timer) == 0 && timer_settime(timer, TIMER_ABSTIME, &(struct itimerspec){.it_value = *until}, NULL) == 0);
  CHECK(sigwaitinfo(&mask, NULL) == SIGUSR1 && timer_delete(timer) == 0);
}

static void post(union sigval semaphore) { CHECK(sem_post(semaphore.sival_ptr) == 0); }

static void function_runs(const struct timespec *until) {
  static sem_t ran;
  static timer_t timer; /* one for both rounds */
  struct sigevent event = {.sigev_notify = SIGEV_THREAD, .sigev_value.sival_ptr = &ran, .sigev_notify_function = post};
  if (timer == NULL) CHECK(sem_init(&ran, 0, 0) == 0 && timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  CHECK(timer_settime(timer, TIMER_ABSTIME, &(struct itimerspec){.it_value = *until}, NULL) == 0 && sem_wait(&ran) == 0);
}

static clockid_t clock_of(size_t which) { return which == 1 || which == 11 || which == 13 ? CLOCK_BOOTTIME : CLOCK_MONOTONIC; }

static void wait_in(size_t which, const struct timespec *until) {
  switch (which) {
    case 0: CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, until, NULL) == 0); break;
    case 1: CHECK(clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, until, NULL) == 0); break;
    case 2: CHECK(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, until, NULL) == 0); break;
    case 3: CHECK(condition_times_out(until, 1)); break;
    case 4: CHECK(condition_times_out(until, 0)); break;
    case 5: CHECK(pthread_mutex_clocklock(&held, CLOCK_MONOTONIC, until) == ETIMEDOUT); break;
    case 6: CHECK(pthread_rwlock_clockrdlock(&written, CLOCK_MONOTONIC, until) == ETIMEDOUT); break;
    case 7: CHECK(pthread_rwlock_clockwrlock(&written, CLOCK_MONOTONIC, until) == ETIMEDOUT); break;
    case 8: CHECK(sem_clockwait(&empty, CLOCK_MONOTONIC, until) == -1 && errno == ETIMEDOUT); break;
    case 9: CHECK(futex(&word, FUTEX_WAIT_BITSET, until) == -1 && errno == ETIMEDOUT); break;
    case 10: descriptor_fires(CLOCK_MONOTONIC, until); break;
    case 11: descriptor_fires(CLOCK_BOOTTIME, until); break;
    case 12: timer_fires(CLOCK_MONOTONIC, until); break;
    case 13: timer_fires(CLOCK_BOOTTIME, until); break;
    case 14: CHECK(pthread_clockjoin_np(endless, NULL, CLOCK_MONOTONIC, until) == ETIMEDOUT); break;
    case 15: function_runs(until); break;
  }
}

static void *waiter(void *argument) {
  const size_t which = (size_t)argument;
  const double end = now(clock_of(which)) + wanted;
  const struct timespec until = time_of(end);
  signal_event(up[1]);
  wait_in(which, &until);
  const double late = now(clock_of(which)) - end;
  if (late < -0.01 || late > 100) dprintf(1, "case %zu is %f seconds late\n", which, late);
  CHECK(late >= -0.01 && late < 100);
  wait_for_event(ending[0]); /* a slow checkpoint sees no thread end */
  return NULL;
}

static void *never_end(void *unused) {
  for (;;) pause();
  return unused;
}

static void start(pthread_t *threads, double seconds) {
  wanted = seconds;
  for (size_t i = 0; i < kCases; i++) CHECK(pthread_create(&threads[i], NULL, waiter, (void *)i) == 0);
  for (size_t i = 0; i < kCases; i++) wait_for_event(up[0]);
}

static void join(pthread_t *threads) {
  for (size_t i = 0; i < kCases; i++) signal_event(ending[1]);
  for (size_t i = 0; i < kCases; i++) CHECK(pthread_join(threads[i], NULL) == 0);
}

static void check_near(const char *monotonic, const char *boottime) {
  const double first = now(CLOCK_MONOTONIC) - atof(monotonic), second = now(CLOCK_BOOTTIME) - atof(boottime);
  if (first < 0 || first > 100 || second < 0 || second > 100) dprintf(1, "the program's child is %f and %f ahead\n", first, second);
  CHECK(first >= 0 && first < 100 && second >= 0 && second < 100);
}

static void check_child(pid_t child) {
  int status;
  CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

int main(int count, char **arguments) {
  pthread_t threads[kCases];
  sigset_t mask;
  struct sysinfo info;
  if (count == 3) {
    const struct timespec soon = time_of(now(CLOCK_MONOTONIC) + 0.05);
    check_near(arguments[1], arguments[2]);
    CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &soon, NULL) == 0 && now(CLOCK_MONOTONIC) < (double)soon.tv_sec + 100);
    return 0;
  }
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  CHECK(pthread_sigmask(SIG_BLOCK, &mask, NULL) == 0 && pipe(up) == 0 && pipe(ending) == 0 && sem_init(&empty, 0, 0) == 0);
  CHECK(pthread_create(&endless, NULL, never_end, NULL) == 0);
  CHECK(pthread_mutex_init(&inherited, NULL) == 0 && pthread_mutex_lock(&held) == 0 && pthread_rwlock_wrlock(&written) == 0);
  start(threads, 3);

  ready_and_wait();

  char monotonic[32], boottime[32];
  char *again[] = {arguments[0], monotonic, boottime, NULL};
  pid_t child;
  snprintf(monotonic, sizeof monotonic, "%f", now(CLOCK_MONOTONIC) - 0.001), snprintf(boottime, sizeof boottime, "%f", now(CLOCK_BOOTTIME) - 0.001);
  if ((child = fork()) == 0) {
    check_near(monotonic, boottime);
    _exit(0);
  }
  check_child(child);
  if ((child = vfork()) == 0) {
    execv("/proc/self/exe", again);
    _exit(1);
  }
  check_child(child);
  CHECK(posix_spawn(&child, "/proc/self/exe", NULL, NULL, again, environ) == 0);
  check_child(child);
  CHECK(sysinfo(&info) == 0 && info.uptime > (long)now(CLOCK_BOOTTIME) - 10 && info.uptime < (long)now(CLOCK_BOOTTIME) + 10);
  join(threads);
  start(threads, 0.2);
  join(threads);
  /* What has passed long ago, what is never, and what is no time. */
  CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){0, 1}, NULL) == 0);
  CHECK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &(struct timespec){1, 1000000000}, NULL) == EINVAL);
  CHECK(pthread_mutex_clocklock(&inherited, CLOCK_MONOTONIC, &(struct timespec){INT64_MAX, 0}) == 0);
  descriptor_fires(CLOCK_MONOTONIC, &(struct timespec){0, 1});
  timer_fires(CLOCK_BOOTTIME, &(struct timespec){0, 1});
  return pass();
}
