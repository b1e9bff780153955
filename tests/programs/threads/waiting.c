/* Threads blocked in a mutex, a condition, a barrier, a semaphore and a join go on when what they wait for comes, not before. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "stasis_test.h"

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, cond_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static sem_t semaphore;
static atomic_int released, passed;
static pthread_t first;

#define BLOCKED(name, wait)                \
  static void *name(void *unused) {        \
    (void)unused;                          \
    wait;                                  \
    CHECK(atomic_load(&released));         \
    atomic_fetch_add(&passed, 1);          \
    return NULL;                           \
  }
BLOCKED(lock, pthread_mutex_lock(&mutex); pthread_mutex_unlock(&mutex))
BLOCKED(condition, pthread_mutex_lock(&cond_mutex); while (!released) pthread_cond_wait(&cond, &cond_mutex); pthread_mutex_unlock(&cond_mutex))
BLOCKED(meet, pthread_barrier_wait(&barrier))
BLOCKED(down, CHECK(sem_wait(&semaphore) == 0))
BLOCKED(join, pthread_join(first, NULL))

int main(void) {
  void *(*const functions[])(void *) = {lock, condition, meet, down, join};
  pthread_t threads[5];
  CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0 && sem_init(&semaphore, 0, 0) == 0);
  CHECK(pthread_mutex_lock(&mutex) == 0);
  for (int i = 0; i < 5; i++) {
    CHECK(pthread_create(&threads[i], NULL, functions[i], NULL) == 0);
    if (i == 0) first = threads[0];
  }

  ready_and_wait();

  CHECK(passed == 0);
  CHECK(pthread_mutex_lock(&cond_mutex) == 0);
  atomic_store(&released, 1);
  CHECK(pthread_cond_broadcast(&cond) == 0 && pthread_mutex_unlock(&cond_mutex) == 0);
  CHECK(pthread_mutex_unlock(&mutex) == 0 && sem_post(&semaphore) == 0);
  pthread_barrier_wait(&barrier);
  for (int i = 1; i < 5; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK(passed == 5);
  return pass();
}
