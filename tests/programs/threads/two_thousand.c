/* Two thousand threads with small stacks, each with a number of its own in thread-local storage, blocked in a semaphore: all are there afterwards. */
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>

#include "stasis_test.h"

enum { kThreads = 2000 };
static sem_t up, go;
static __thread size_t local;
static void *work(void *number) {
  local = (size_t)number;
  CHECK(sem_post(&up) == 0);
  while (sem_wait(&go) != 0) CHECK(errno == EINTR);
  CHECK(local == (size_t)number);
  return (void *)(local + 1);
}

int main(void) {
  static pthread_t threads[kThreads];
  pthread_attr_t attributes;
  void *result;
  CHECK(sem_init(&up, 0, 0) == 0 && sem_init(&go, 0, 0) == 0);
  CHECK(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN) == 0);
  for (size_t i = 0; i < kThreads; i++) CHECK(pthread_create(&threads[i], &attributes, work, (void *)i) == 0);
  for (size_t i = 0; i < kThreads; i++) CHECK(sem_wait(&up) == 0);

  ready_and_wait();

  for (size_t i = 0; i < kThreads; i++) CHECK(sem_post(&go) == 0);
  for (size_t i = 0; i < kThreads; i++) CHECK(pthread_join(threads[i], &result) == 0 && result == (void *)(i + 1));
  return pass();
}
