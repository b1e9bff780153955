/* 200 threads, each with its own stack, thread-local storage, name and id, all blocked in a pipe, all there afterwards. */
#include <pthread.h>
#include <sys/syscall.h>

#include "stasis_test.h"

enum { kThreads = 200 };
static int go[2], ready[2];
static __thread unsigned local = 12345;
static pthread_key_t key;

static void *work(void *argument) {
  const unsigned number = (unsigned)(size_t)argument;
  char name[16], seen[16], stack[1000];
  const long tid = syscall(SYS_gettid);
  local = number;
  fill(stack, sizeof stack, number);
  snprintf(name, sizeof name, "worker-%u", number);
  CHECK(pthread_setname_np(pthread_self(), name) == 0);
  CHECK(pthread_setspecific(key, argument) == 0);
  signal_event(ready[1]);
  wait_for_event(go[0]);
  CHECK(local == number && is_filled(stack, sizeof stack, number));
  CHECK(pthread_getspecific(key) == argument);
  CHECK(syscall(SYS_gettid) == tid);
  CHECK(pthread_getname_np(pthread_self(), seen, sizeof seen) == 0 && strcmp(seen, name) == 0);
  return (void *)(size_t)(number * 2);
}

int main(void) {
  pthread_t threads[kThreads];
  pthread_attr_t attributes;
  CHECK(pipe(go) == 0 && pipe(ready) == 0 && pthread_key_create(&key, NULL) == 0);
  CHECK(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, 1 << 17) == 0);
  for (size_t i = 0; i < kThreads; i++) CHECK(pthread_create(&threads[i], &attributes, work, (void *)i) == 0);
  for (size_t i = 0; i < kThreads; i++) wait_for_event(ready[0]);

  ready_and_wait();

  for (size_t i = 0; i < kThreads; i++) signal_event(go[1]);
  for (size_t i = 0; i < kThreads; i++) {
    void *result;
    CHECK(pthread_join(threads[i], &result) == 0 && result == (void *)(i * 2));
  }
  CHECK(local == 12345);
  return pass();
}
