/* Robust locks in memory shared by processes: one whose owner has died, one whose owner dies afterwards, one that inherits priority, one free again. */
#include <pthread.h>
#include <sys/mman.h>

#include "stasis_test.h"

struct Shared {
  pthread_mutex_t left, held, inheriting, waited_for;
};

static void make(pthread_mutex_t *mutex, int protocol) {
  pthread_mutexattr_t attributes;
  CHECK(pthread_mutexattr_init(&attributes) == 0 && pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  CHECK(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0 && pthread_mutexattr_setprotocol(&attributes, protocol) == 0);
  CHECK(pthread_mutex_init(mutex, &attributes) == 0);
}

static int died(pthread_mutex_t *mutex) {
  return pthread_mutex_lock(mutex) == EOWNERDEAD && pthread_mutex_consistent(mutex) == 0 && pthread_mutex_unlock(mutex) == 0;
}

int main(void) {
  int up[2], go[2], status;
  struct Shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED && pipe(up) == 0 && pipe(go) == 0);
  make(&shared->left, PTHREAD_PRIO_NONE);
  make(&shared->held, PTHREAD_PRIO_NONE);
  make(&shared->inheriting, PTHREAD_PRIO_INHERIT);
  make(&shared->waited_for, PTHREAD_PRIO_INHERIT);
  const pid_t gone = fork();
  if (gone == 0) {
    CHECK(pthread_mutex_lock(&shared->left) == 0);
    _exit(0);
  }
  const pid_t child = fork();
  if (child == 0) {
    CHECK(pthread_mutex_lock(&shared->held) == 0 && pthread_mutex_lock(&shared->inheriting) == 0);
    signal_event(up[1]);
    wait_for_event(go[0]);
    _exit(0); /* holds both */
  }
  CHECK(waitpid(gone, &status, 0) == gone && pthread_mutex_lock(&shared->waited_for) == 0);
  const pid_t waiter = fork();
  if (waiter == 0) {
    signal_event(up[1]);
    CHECK(pthread_mutex_lock(&shared->waited_for) == 0 && pthread_mutex_unlock(&shared->waited_for) == 0);
    _exit(0);
  }
  wait_for_event(up[0]);
  wait_for_event(up[0]);

  ready_and_wait();

  CHECK(pthread_mutex_trylock(&shared->held) == EBUSY && pthread_mutex_trylock(&shared->inheriting) == EBUSY);
  CHECK(died(&shared->left) && waitpid(waiter, &status, WNOHANG) == 0);
  signal_event(go[1]);
  CHECK(waitpid(child, &status, 0) == child && status == 0 && died(&shared->held) && died(&shared->inheriting));
  CHECK(pthread_mutex_unlock(&shared->waited_for) == 0 && waitpid(waiter, &status, 0) == waiter && status == 0);
  CHECK(pthread_mutex_lock(&shared->held) == 0 && pthread_mutex_unlock(&shared->held) == 0);
  return pass();
}
