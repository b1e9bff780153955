/* Threads that wait for two results of asynchronous I/O when one has come, by libaio and by number, with and without a limit, get both in one call when the second comes. */
#include <libaio.h>
#include <pthread.h>

#include "stasis_test.h"

enum { kWaiters = 3 };
static io_context_t contexts[kWaiters];
static struct iocb requests[kWaiters][2];
static char bytes[8] = "content";
static int file, up[2];
static pid_t tids[kWaiters];

static void request(int which, int number) {
  struct iocb *list[1] = {&requests[which][number]};
  io_prep_pwrite(list[0], file, bytes, sizeof bytes, 16 * which);
  list[0]->data = (void *)(long)(10 + number);
  CHECK(io_submit(contexts[which], 1, list) == 1);
}

static void *wait_for_two(void *argument) {
  const long which = (long)argument;
  struct io_event events[4] = {0};
  struct timespec limit = {100, 0};
  long got;
  tids[which] = (pid_t)syscall(SYS_gettid);
  signal_event(up[1]);
  if (which == 0) got = io_getevents(contexts[which], 2, 4, events, NULL);
  else if (which == 1) got = io_getevents(contexts[which], 2, 4, events, &limit);
  else got = syscall(SYS_io_getevents, contexts[which], 2, 4, events, NULL);
  CHECK(got == 2 && (long)events[0].data == 10 && (long)events[1].data == 11 && events[0].res == sizeof bytes && events[1].res == sizeof bytes);
  return NULL;
}

int main(void) {
  pthread_t threads[kWaiters];
  CHECK((file = open("file", O_RDWR | O_CREAT | O_EXCL, 0600)) >= 0 && pipe(up) == 0);
  for (long i = 0; i < kWaiters; i++) {
    CHECK(io_setup(4, &contexts[i]) == 0);
    request((int)i, 0);
    CHECK(pthread_create(&threads[i], NULL, wait_for_two, (void *)i) == 0);
    wait_for_event(up[0]);
    until_blocked_in(tids[i], SYS_io_getevents);
  }

  ready_and_wait();

  for (int i = 0; i < kWaiters; i++) request(i, 1);
  for (int i = 0; i < kWaiters; i++) CHECK(pthread_join(threads[i], NULL) == 0 && io_destroy(contexts[i]) == 0);
  return pass();
}
