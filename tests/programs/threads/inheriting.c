/* Mutexes that inherit priority: held with a waiter, first met by another thread or process afterwards, recursive, error-checking, and waited with at a condition. */
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

#include "stasis_test.h"

struct Shared {
  pthread_mutex_t contended, met, held_by_child;
};
static struct Shared *shared;
static pthread_mutex_t waited, checking, recursive;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER, never = PTHREAD_COND_INITIALIZER;
static int up[2], go[2], told, handled;

static void make(pthread_mutex_t *mutex, int type) {
  pthread_mutexattr_t attributes;
  CHECK(pthread_mutexattr_init(&attributes) == 0 && pthread_mutexattr_settype(&attributes, type) == 0);
  CHECK(pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT) == 0 && pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
  CHECK(pthread_mutex_init(mutex, &attributes) == 0);
}

static void *waiter(void *unused) {
  signal_event(up[1]);
  CHECK(pthread_mutex_lock(&shared->contended) == 0 && pthread_mutex_unlock(&shared->contended) == 0);
  return unused;
}

static void *conditional(void *unused) {
  CHECK(pthread_mutex_lock(&waited) == 0);
  signal_event(up[1]);
  while (!told) CHECK(pthread_cond_wait(&condition, &waited) == 0);
  CHECK(pthread_mutex_unlock(&waited) == 0);
  return unused;
}

static void release(void *mutex) { CHECK(pthread_mutex_unlock(mutex) == 0); }

static void *cancelled(void *mutex) {
  CHECK(pthread_mutex_lock(mutex) == 0);
  signal_event(up[1]);
  pthread_cleanup_push(release, mutex);
  for (;;) pthread_cond_wait(&never, mutex);
  pthread_cleanup_pop(1);
  return NULL;
}

static void count(int signal) { handled += signal == SIGUSR1, signal_event(up[1]); }

static void *later(void *unused) {
  struct timespec until;
  CHECK(pthread_mutex_trylock(&shared->met) == EBUSY && clock_gettime(CLOCK_REALTIME, &until) == 0);
  CHECK(pthread_mutex_timedlock(&shared->met, &until) == ETIMEDOUT && pthread_mutex_trylock(&checking) == EBUSY);
  signal_event(up[1]);
  CHECK(pthread_mutex_lock(&shared->met) == 0 && pthread_mutex_unlock(&shared->met) == 0);
  return unused;
}

int main(void) {
  pthread_t threads[4];
  void *result;
  int status;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED && pipe(up) == 0 && pipe(go) == 0 && signal(SIGUSR1, count) != SIG_ERR);
  make(&shared->contended, PTHREAD_MUTEX_NORMAL), make(&shared->met, PTHREAD_MUTEX_NORMAL), make(&shared->held_by_child, PTHREAD_MUTEX_NORMAL);
  make(&waited, PTHREAD_MUTEX_NORMAL), make(&checking, PTHREAD_MUTEX_ERRORCHECK), make(&recursive, PTHREAD_MUTEX_RECURSIVE);
  const pid_t child = fork();
  if (child == 0) {
    CHECK(pthread_mutex_lock(&shared->held_by_child) == 0);
    signal_event(up[1]);
    wait_for_event(go[0]);
    CHECK(pthread_mutex_unlock(&shared->held_by_child) == 0);
    CHECK(pthread_mutex_lock(&shared->met) == 0 && pthread_mutex_unlock(&shared->met) == 0);
    _exit(0);
  }
  CHECK(pthread_mutex_lock(&shared->contended) == 0 && pthread_mutex_lock(&shared->met) == 0 && pthread_mutex_lock(&checking) == 0);
  CHECK(pthread_mutex_lock(&recursive) == 0 && pthread_mutex_lock(&recursive) == 0);
  CHECK(pthread_create(&threads[0], NULL, waiter, NULL) == 0 && pthread_create(&threads[1], NULL, conditional, NULL) == 0);
  CHECK(pthread_create(&threads[2], NULL, cancelled, &waited) == 0);
  for (int i = 0; i < 4; i++) wait_for_event(up[0]);

  ready_and_wait();

  CHECK(pthread_kill(threads[0], SIGUSR1) == 0);
  wait_for_event(up[0]);
  CHECK(handled == 1 && pthread_mutex_unlock(&shared->contended) == 0 && pthread_join(threads[0], NULL) == 0);
  CHECK(pthread_create(&threads[3], NULL, later, NULL) == 0);
  wait_for_event(up[0]);
  signal_event(go[1]);
  CHECK(pthread_mutex_lock(&shared->held_by_child) == 0 && pthread_mutex_unlock(&shared->held_by_child) == 0);
  CHECK(pthread_mutex_unlock(&shared->met) == 0 && pthread_join(threads[3], NULL) == 0 && waitpid(child, &status, 0) == child && status == 0);
  CHECK(pthread_mutex_lock(&waited) == 0);
  told = 1;
  CHECK(pthread_cond_signal(&condition) == 0 && pthread_cancel(threads[2]) == 0 && pthread_mutex_unlock(&waited) == 0);
  CHECK(pthread_join(threads[1], NULL) == 0 && pthread_join(threads[2], &result) == 0 && result == PTHREAD_CANCELED);
  CHECK(pthread_mutex_lock(&checking) == EDEADLK && pthread_mutex_unlock(&checking) == 0 && pthread_mutex_unlock(&checking) == EPERM);
  CHECK(pthread_mutex_lock(&recursive) == 0);
  for (int i = 0; i < 3; i++) CHECK(pthread_mutex_unlock(&recursive) == 0);
  CHECK(pthread_mutex_unlock(&recursive) == EPERM);
  return pass();
}
