/* A thread that is blocked in a read can be cancelled afterwards, and its clean-up handlers run; its affinity and stack can be asked for. */
#include <pthread.h>
#include <sched.h>

#include "stasis_test.h"

static int silent[2], up[2], cleaned;
static void clean_up(void *argument) { cleaned += *(int *)argument; }

static void *block(void *unused) {
  int amount = 5;
  char byte;
  pthread_cleanup_push(clean_up, &amount);
  signal_event(up[1]);
  CHECK(read(silent[0], &byte, 1) == 1);
  pthread_cleanup_pop(0);
  return unused;
}

int main(void) {
  pthread_t thread;
  pthread_attr_t attributes;
  cpu_set_t all, now;
  void *result, *stack, *stack_now;
  size_t size, size_now;
  CHECK(pipe(silent) == 0 && pipe(up) == 0 && pthread_create(&thread, NULL, block, NULL) == 0);
  wait_for_event(up[0]);
  CHECK(pthread_getattr_np(thread, &attributes) == 0 && pthread_attr_getstack(&attributes, &stack, &size) == 0);
  CHECK(pthread_getaffinity_np(thread, sizeof all, &all) == 0);

  ready_and_wait();

  CHECK(pthread_getattr_np(thread, &attributes) == 0 && pthread_attr_getstack(&attributes, &stack_now, &size_now) == 0);
  CHECK(stack == stack_now && size == size_now);
  CHECK(pthread_getaffinity_np(thread, sizeof now, &now) == 0 && CPU_EQUAL(&all, &now));
  CHECK(pthread_cancel(thread) == 0 && pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED && cleaned == 5);
  return pass();
}
