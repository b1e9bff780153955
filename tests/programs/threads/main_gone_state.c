/* The main thread has ended, several others go on: what belongs to the process (pending signals, timers, the directory) and to the threads is kept. */
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

#include "stasis_test.h"

enum { kThreads = 3 };
static pthread_t main_thread, threads[kThreads];
static pthread_mutex_t lock;
static pthread_barrier_t locked;
static timer_t timer;
static sigset_t mask;

static void *sleep_long(void *unused) {
  (void)unused;
  struct timespec left = {100000, 0};
  nanosleep(&left, NULL);
  return NULL;
}

static void *hold_lock(void *unused) {
  CHECK(pthread_mutex_lock(&lock) == 0);
  pthread_barrier_wait(&locked);
  return sleep_long(unused);
}

static int take_one(void) {
  siginfo_t info = {0};
  const int taken = sigtimedwait(&mask, &info, &(struct timespec){0, 0});
  CHECK(taken < 0 || (info.si_pid == getpid() && info.si_code == (taken == SIGUSR1 ? SI_USER : SI_QUEUE)));
  return taken;
}

static void *work(void *unused) {
  (void)unused;
  struct itimerspec left;
  char directory[4096], before[4096];
  const pid_t tid = gettid();
  pthread_barrier_wait(&locked);
  CHECK(pthread_join(main_thread, NULL) == 0 && getcwd(before, sizeof before) != NULL);
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2};
  event._sigev_un._tid = tid;
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  CHECK(timer_settime(timer, 0, &(struct itimerspec){.it_value = {100000, 0}}, NULL) == 0);
  CHECK(kill(getpid(), SIGUSR1) == 0 && sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 1}) == 0);

  ready_and_wait();

  CHECK(gettid() == tid && take_one() == SIGUSR1 && take_one() == SIGRTMIN + 2 && take_one() == -1);
  CHECK(timer_gettime(timer, &left) == 0 && left.it_value.tv_sec > 99000);
  CHECK(getcwd(directory, sizeof directory) != NULL && strcmp(directory, before) == 0);
  CHECK(pthread_mutex_trylock(&lock) == EBUSY && pthread_cancel(threads[1]) == 0 && pthread_join(threads[1], NULL) == 0);
  CHECK(pthread_tryjoin_np(threads[2], NULL) == EBUSY && syscall(SYS_tgkill, getpid(), getpid(), 0) == 0);
  pass();
  exit(0);
}

int main(void) {
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  sigaddset(&mask, SIGRTMIN + 2);
  CHECK(pthread_sigmask(SIG_BLOCK, &mask, NULL) == 0 && pthread_mutex_init(&lock, NULL) == 0 && pthread_barrier_init(&locked, NULL, 2) == 0);
  main_thread = pthread_self();
  void *(*const parts[kThreads])(void *) = {work, sleep_long, hold_lock};
  for (int i = kThreads - 1; i >= 0; i--) CHECK(pthread_create(&threads[i], NULL, parts[i], NULL) == 0);
  pthread_exit(NULL);
}
