/* Robust mutexes with waiters: one that waits for a lock, one at a condition, and owners that die with what they took before and afterwards; recursive and inheriting. */
#include <pthread.h>
#include <time.h>

#include "stasis_test.h"

static pthread_mutex_t recursive, inheriting, waited, later;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int up[2], go[2];

static void make(pthread_mutex_t *mutex, int type, int protocol) {
  pthread_mutexattr_t attributes;
  CHECK(pthread_mutexattr_init(&attributes) == 0 && pthread_mutexattr_settype(&attributes, type) == 0);
  CHECK(pthread_mutexattr_setprotocol(&attributes, protocol) == 0 && pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
  CHECK(pthread_mutex_init(mutex, &attributes) == 0);
}

static void *owner(void *unused) {
  CHECK(pthread_mutex_lock(&recursive) == 0 && pthread_mutex_lock(&recursive) == 0 && pthread_mutex_lock(&inheriting) == 0);
  signal_event(up[1]);
  wait_for_event(go[0]);
  CHECK(pthread_mutex_unlock(&recursive) == 0 && pthread_mutex_lock(&later) == 0 && pthread_mutex_lock(&inheriting) == EDEADLK);
  return unused; /* with all three */
}

static void *waiter(void *mutex) {
  signal_event(up[1]);
  CHECK(pthread_mutex_lock(mutex) == EOWNERDEAD && pthread_mutex_consistent(mutex) == 0);
  if (mutex == &recursive) CHECK(pthread_mutex_unlock(mutex) == 0);
  return NULL; /* the other one dies with it, too */
}

static void *conditional(void *unused) {
  CHECK(pthread_mutex_lock(&waited) == 0);
  signal_event(up[1]);
  CHECK(pthread_cond_wait(&condition, &waited) == 0);
  return unused;
}

static void check_died(pthread_mutex_t *mutex) {
  CHECK(pthread_mutex_lock(mutex) == EOWNERDEAD && pthread_mutex_consistent(mutex) == 0 && pthread_mutex_unlock(mutex) == 0);
}

int main(void) {
  pthread_t threads[4];
  CHECK(pipe(up) == 0 && pipe(go) == 0);
  make(&recursive, PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE);
  make(&inheriting, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_INHERIT);
  make(&waited, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE);
  make(&later, PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE);
  CHECK(pthread_create(&threads[0], NULL, owner, NULL) == 0);
  wait_for_event(up[0]);
  CHECK(pthread_create(&threads[1], NULL, waiter, &recursive) == 0 && pthread_create(&threads[2], NULL, waiter, &inheriting) == 0);
  CHECK(pthread_create(&threads[3], NULL, conditional, NULL) == 0);
  for (int i = 0; i < 3; i++) wait_for_event(up[0]);

  ready_and_wait();

  signal_event(go[1]);
  for (int i = 0; i < 3; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK(pthread_mutex_lock(&recursive) == 0 && pthread_mutex_unlock(&recursive) == 0);
  check_died(&inheriting), check_died(&later);
  CHECK(pthread_mutex_lock(&waited) == 0 && pthread_cond_signal(&condition) == 0 && pthread_mutex_unlock(&waited) == 0);
  CHECK(pthread_join(threads[3], NULL) == 0);
  check_died(&waited);
  CHECK(pthread_mutex_lock(&waited) == 0 && pthread_mutex_unlock(&waited) == 0);
  return pass();
}
