/* Threads that never block: integer, floating-point and vector registers survive being stopped anywhere. */
#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "stasis_test.h"

typedef double vector __attribute__((vector_size(32)));
static atomic_int stop;
static atomic_long rounds;

static void *compute(void *argument) {
  const double seed = (double)(size_t)argument;
  CHECK(fesetround(argument == NULL ? FE_UPWARD : FE_TONEAREST) == 0);
  do {
    vector a = {seed, seed + 1, seed + 2, seed + 3}, sum = {0, 0, 0, 0};
    unsigned long check = 0;
    for (unsigned long i = 0; i < 100000; i++) {
      sum += a;
      check = check * 31 + i;
    }
    for (int i = 0; i < 4; i++) CHECK(sum[i] == 100000 * (seed + i));
    static _Atomic unsigned long expected;
    unsigned long none = 0;
    atomic_compare_exchange_strong(&expected, &none, check);
    CHECK(atomic_load(&expected) == check);
    atomic_fetch_add(&rounds, 1);
  } while (!atomic_load(&stop));
  CHECK(fegetround() == (argument == NULL ? FE_UPWARD : FE_TONEAREST));
  return NULL;
}

int main(void) {
  pthread_t threads[4];
  for (size_t i = 0; i < 4; i++) CHECK(pthread_create(&threads[i], NULL, compute, (void *)i) == 0);
  while (atomic_load(&rounds) < 4) sched_yield();

  ready_and_wait();

  const long before = atomic_load(&rounds);
  while (atomic_load(&rounds) < before + 8) sched_yield();
  atomic_store(&stop, 1);
  for (size_t i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  return pass();
}
