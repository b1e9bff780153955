/* Locks know their owner: recursive, error-checking, inheriting and read-write locks that are held can be released, and a robust one tells
 * that its owner died. */
#include <pthread.h>

#include "stasis_test.h"

static pthread_mutex_t robust;

static void make(pthread_mutex_t *mutex, int type, int inherit, int is_robust) {
  pthread_mutexattr_t attributes;
  CHECK(pthread_mutexattr_init(&attributes) == 0 && pthread_mutexattr_settype(&attributes, type) == 0);
  if (inherit) CHECK(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) == 0);
  if (is_robust) CHECK(pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0);
  CHECK(pthread_mutex_init(mutex, &attributes) == 0);
}

static int go[2], up[2];
static void *owner(void *unused) {
  CHECK(pthread_mutex_lock(&robust) == 0);
  signal_event(up[1]);
  wait_for_event(go[0]);
  return unused; /* ends while it holds the lock */
}

int main(void) {
  pthread_mutex_t recursive, checking, inheriting;
  pthread_rwlock_t shared = PTHREAD_RWLOCK_INITIALIZER;
  pthread_t thread;
  CHECK(pipe(go) == 0 && pipe(up) == 0);
  make(&recursive, PTHREAD_MUTEX_RECURSIVE, 0, 0);
  make(&checking, PTHREAD_MUTEX_ERRORCHECK, 0, 0);
  make(&inheriting, PTHREAD_MUTEX_NORMAL, 1, 0);
  make(&robust, PTHREAD_MUTEX_NORMAL, 0, 1);
  CHECK(pthread_create(&thread, NULL, owner, NULL) == 0);
  CHECK(pthread_mutex_lock(&recursive) == 0 && pthread_mutex_lock(&recursive) == 0 && pthread_mutex_lock(&checking) == 0);
  CHECK(pthread_mutex_lock(&inheriting) == 0 && pthread_rwlock_wrlock(&shared) == 0);
  wait_for_event(up[0]);

  ready_and_wait();

  CHECK(pthread_mutex_lock(&recursive) == 0);
  for (int i = 0; i < 3; i++) CHECK(pthread_mutex_unlock(&recursive) == 0);
  CHECK(pthread_mutex_unlock(&recursive) == EPERM);
  CHECK(pthread_mutex_lock(&checking) == EDEADLK && pthread_mutex_unlock(&checking) == 0 && pthread_mutex_unlock(&checking) == EPERM);
  CHECK(pthread_mutex_unlock(&inheriting) == 0 && pthread_mutex_lock(&inheriting) == 0);
  CHECK(pthread_rwlock_wrlock(&shared) == EDEADLK && pthread_rwlock_unlock(&shared) == 0 && pthread_rwlock_rdlock(&shared) == 0);
  CHECK(pthread_mutex_trylock(&robust) == EBUSY);
  signal_event(go[1]);
  CHECK(pthread_join(thread, NULL) == 0 && pthread_mutex_lock(&robust) == EOWNERDEAD);
  CHECK(pthread_mutex_consistent(&robust) == 0 && pthread_mutex_unlock(&robust) == 0);
  return pass();
}
