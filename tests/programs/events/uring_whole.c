/* Threads, and a process of one thread, that submit to an io_uring and wait for two results when one has come, by liburing and by number, get both in one call when the second comes. */
#include <liburing.h>
#include <pthread.h>
#include <sys/wait.h>

#include "stasis_test.h"

enum { kWaiters = 2 };
static int up[2], from[kWaiters + 1][2];

static void submit_and_wait(int which) {
  struct io_uring ring;
  struct io_uring_cqe *told[2];
  struct io_uring_sqe *request;
  char bytes[8];
  int got;
  CHECK(io_uring_queue_init(4, &ring, 0) == 0);
  request = io_uring_get_sqe(&ring);
  io_uring_prep_nop(request);
  request->user_data = 1;
  request = io_uring_get_sqe(&ring);
  io_uring_prep_read(request, from[which][0], bytes, sizeof bytes, 0);
  request->user_data = 2;
  signal_event(up[1]);
  if (which != 1) {
    got = io_uring_submit_and_wait(&ring, 2);
  } else { /* what is prepared is not told to the kernel yet */
    *ring.sq.ktail = ring.sq.sqe_tail, ring.sq.array[0] = 0, ring.sq.array[1] = 1;
    got = syscall(SYS_io_uring_enter, ring.ring_fd, 2, 2, IORING_ENTER_GETEVENTS, NULL, 0);
  }
  CHECK(got == 2 && io_uring_peek_batch_cqe(&ring, told, 2) == 2);
  CHECK(told[0]->user_data == 1 && told[0]->res == 0 && told[1]->user_data == 2 && told[1]->res == 3 && memcmp(bytes, "two", 3) == 0);
}

static pid_t tids[kWaiters];
static void *waiting(void *which) {
  tids[(long)which] = gettid();
  submit_and_wait((long)which);
  return NULL;
}

int main(void) {
  pthread_t threads[kWaiters];
  int status;
  CHECK(pipe(up) == 0);
  for (int i = 0; i <= kWaiters; i++) CHECK(pipe(from[i]) == 0);
  const pid_t child = fork();
  if (child == 0) {
    submit_and_wait(kWaiters);
    _exit(0);
  }
  wait_for_event(up[0]);
  until_blocked_in(child, SYS_io_uring_enter);
  for (long i = 0; i < kWaiters; i++) {
    CHECK(pthread_create(&threads[i], NULL, waiting, (void *)i) == 0);
    wait_for_event(up[0]);
    until_blocked_in(tids[i], SYS_io_uring_enter);
  }
  ready_and_wait();

  for (int i = 0; i <= kWaiters; i++) CHECK(write(from[i][1], "two", 3) == 3);
  for (int i = 0; i < kWaiters; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  return pass();
}
