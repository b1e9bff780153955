/* POSIX timers of every way to notify: by nothing, by a signal, by a signal to one thread, by a new thread (the C library's helper serves it): periods and
 * what is left stay, and each goes on notifying. */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/stat.h>
#include <time.h>

#include "stasis_test.h"

static sem_t called;
static volatile int value_seen;
static timer_t to_me;
static int up[2];

static int threads(void) {
  struct stat status;
  CHECK(stat("/proc/self/task", &status) == 0);
  return (int)status.st_nlink - 2;
}

static void call(union sigval value) {
  value_seen = value.sival_int;
  CHECK(sem_post(&called) == 0);
}

static void *own_thread(void *unused) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGRTMIN + 6);
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 6, .sigev_value.sival_int = 5};
  siginfo_t info;
  event._sigev_un._tid = gettid();
  CHECK(timer_create(CLOCK_BOOTTIME, &event, &to_me) == 0);
  signal_event(up[1]);
  CHECK(sigwaitinfo(&mask, &info) == SIGRTMIN + 6 && info.si_code == SI_TIMER && info.si_value.sival_int == 5);
  return unused;
}

int main(void) {
  struct sigevent nothing = {.sigev_notify = SIGEV_NONE};
  struct sigevent by_signal = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 5, .sigev_value.sival_int = 4};
  struct sigevent by_thread = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = call, .sigev_value.sival_int = 9};
  const struct itimerspec far = {{7000, 0}, {90000, 0}}, soon = {{0, 0}, {0, 1000000}}, ticking = {{0, 10000000}, {0, 10000000}}, off = {{0, 0}, {0, 0}};
  struct itimerspec left;
  timer_t none, process, helper, ticks;
  pthread_t thread;
  sigset_t mask;
  siginfo_t info;
  sigemptyset(&mask);
  sigaddset(&mask, SIGRTMIN + 5);
  sigaddset(&mask, SIGRTMIN + 6);
  CHECK(pipe(up) == 0 && sem_init(&called, 0, 0) == 0 && pthread_sigmask(SIG_BLOCK, &mask, NULL) == 0);
  CHECK(timer_create(CLOCK_REALTIME, &nothing, &none) == 0 && timer_settime(none, 0, &far, NULL) == 0);
  CHECK(timer_create(CLOCK_MONOTONIC, &by_signal, &process) == 0 && timer_settime(process, 0, &far, NULL) == 0);
  CHECK(timer_create(CLOCK_MONOTONIC, &by_thread, &helper) == 0 && timer_settime(helper, 0, &far, NULL) == 0);
  CHECK(timer_create(CLOCK_MONOTONIC, &by_thread, &ticks) == 0 && timer_settime(ticks, 0, &ticking, NULL) == 0);
  CHECK(pthread_create(&thread, NULL, own_thread, NULL) == 0);
  wait_for_event(up[0]);
  CHECK(sem_wait(&called) == 0);
  CHECK(timer_settime(ticks, 0, &off, NULL) == 0);
  while (threads() != 3) sched_yield(); /* those that were made for ticks have ended; we, our thread and the library's are left */

  ready_and_wait();

  CHECK(timer_settime(ticks, 0, &ticking, NULL) == 0);
  for (int i = 0; i < 20; i++) CHECK(sem_wait(&called) == 0);
  CHECK(timer_delete(ticks) == 0 && value_seen == 9);
  const timer_t all[] = {none, process, helper};
  for (int i = 0; i < 3; i++) {
    CHECK(timer_gettime(all[i], &left) == 0 && left.it_interval.tv_sec == 7000);
    CHECK(left.it_value.tv_sec <= 90000 && left.it_value.tv_sec > 90000 - 100);
  }
  CHECK(timer_settime(process, 0, &soon, NULL) == 0 && timer_settime(to_me, 0, &soon, NULL) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  sigdelset(&mask, SIGRTMIN + 6);
  CHECK(sigwaitinfo(&mask, &info) == SIGRTMIN + 5 && info.si_code == SI_TIMER && info.si_value.sival_int == 4);
  CHECK(timer_delete(none) == 0 && timer_delete(process) == 0 && timer_delete(helper) == 0);
  return pass();
}
