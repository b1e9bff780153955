/* Timeouts under way in an io_uring: relative ones that keep what was left, absolute ones, one that is over meanwhile, one that is to be removed. */
#include <liburing.h>

#include "stasis_test.h"

static struct io_uring ring;

static void start(uint64_t name, struct __kernel_timespec time, unsigned flags) {
  struct io_uring_sqe *request = io_uring_get_sqe(&ring);
  io_uring_prep_timeout(request, &time, 0, flags);
  request->user_data = name;
  CHECK(io_uring_submit(&ring) == 1);
}
static void expect(uint64_t name, int result) {
  struct io_uring_cqe *told;
  CHECK(io_uring_wait_cqe(&ring, &told) == 0);
  CHECK(told->user_data == name && told->res == result);
  io_uring_cqe_seen(&ring, told);
}
static struct __kernel_timespec in(long milliseconds, clockid_t clock) {
  struct timespec now;
  CHECK(clock_gettime(clock, &now) == 0);
  const long sum = now.tv_nsec + milliseconds * 1000000;
  return (struct __kernel_timespec){now.tv_sec + sum / 1000000000, sum % 1000000000};
}

int main(void) {
  struct timespec since, now;
  CHECK(io_uring_queue_init(8, &ring, 0) == 0 && clock_gettime(CLOCK_MONOTONIC, &since) == 0);
  start(9, (struct __kernel_timespec){600, 0}, 0);
  start(4, in(2500, CLOCK_REALTIME), IORING_TIMEOUT_ABS | IORING_TIMEOUT_REALTIME);
  start(1, (struct __kernel_timespec){1, 0}, 0);
  start(3, in(2000, CLOCK_MONOTONIC), IORING_TIMEOUT_ABS);
  start(2, (struct __kernel_timespec){1, 500000000}, IORING_TIMEOUT_ETIME_SUCCESS);
  ready_and_wait();

  struct io_uring_cqe *told;
  unsigned seen = 0;
  while (seen != 0x1e) { /* a restart may take long enough for the time of day to be first */
    CHECK(io_uring_wait_cqe(&ring, &told) == 0 && told->res == -ETIME && told->user_data < 5);
    seen |= 1u << told->user_data;
    if (told->user_data == 1) CHECK((seen & (1u << 2 | 1u << 3)) == 0);
    io_uring_cqe_seen(&ring, told);
  }
  CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0 && (now.tv_sec - since.tv_sec) * 1000000000 + now.tv_nsec - since.tv_nsec >= 2000000000);
  struct io_uring_sqe *request = io_uring_get_sqe(&ring);
  io_uring_prep_timeout_remove(request, 9, 0);
  request->user_data = 10;
  CHECK(io_uring_submit_and_wait(&ring, 2) == 1);
  CHECK(io_uring_peek_cqe(&ring, &told) == 0);
  const int removal_first = told->user_data == 10;
  expect(removal_first ? 10 : 9, removal_first ? 0 : -ECANCELED);
  expect(removal_first ? 9 : 10, removal_first ? -ECANCELED : 0);
  return pass();
}
