/* Requests under way in io_urings: polls, two reads of one pipe, of an eventfd and a registered pipe, receives, accepts, timeouts; of several threads, one of which owns its ring; many that have come and gone. */
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "stasis_test.h"

enum { kRounds = 5000, kPoll = 1, kFirst, kSecond, kEvent, kFixed, kReceive, kAccept, kLong, kRemoval, kUnread, kPrepared };

static struct io_uring ring, owned;
static int up[2], down[2], passing[2], polled[2], from[2], fixed[2], pair[2], other[2];
static char bytes[8][16];

/* PREPARE(ring, name, kind, arguments): io_uring_prep_KIND. */
#define PREPARE(in, name, kind, ...) (last = io_uring_get_sqe(in), io_uring_prep_##kind(last __VA_OPT__(, ) __VA_ARGS__), last->user_data = (name))
static _Thread_local struct io_uring_sqe *last;

static int result_of(struct io_uring *in, uint64_t name) {
  struct io_uring_cqe *told;
  CHECK(io_uring_wait_cqe(in, &told) == 0);
  const int result = told->res;
  if (told->user_data != name) fprintf(stderr, "result %d of %llu, not of %llu\n", result, (unsigned long long)told->user_data, (unsigned long long)name);
  CHECK(told->user_data == name);
  io_uring_cqe_seen(in, told);
  return result;
}
static void come_and_go(struct io_uring *in, int name) {
  for (int i = 0; i < kRounds; i++) {
    PREPARE(in, 0, nop), PREPARE(in, 0, nop);
    CHECK(io_uring_submit(in) == 2 && result_of(in, 0) == 0 && result_of(in, 0) == 0);
    if (i % 100 != 0) continue;
    PREPARE(in, name + i, read, passing[0], bytes[7], 1, 0);
    CHECK(io_uring_submit(in) == 1 && write(passing[1], "x", 1) == 1 && result_of(in, name + i) == 1);
  }
}

static void *owner(void *nothing) {
  CHECK(io_uring_queue_init(8, &owned, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) == 0);
  come_and_go(&owned, 100000);
  PREPARE(&owned, kFirst, read, other[0], bytes[6], 16, 0);
  CHECK(io_uring_submit(&owned) == 1);
  signal_event(up[1]);
  CHECK(result_of(&owned, kFirst) == 5 && memcmp(bytes[6], "owner", 5) == 0);
  come_and_go(&owned, 200000);
  return nothing;
}
static void *helper(void *nothing) {
  PREPARE(&ring, kReceive, recv, pair[0], bytes[5], 16, 0);
  CHECK(io_uring_submit(&ring) == 1);
  signal_event(up[1]);
  wait_for_event(down[0]); /* the kernel ends its requests when it ends */
  return nothing;
}

int main(void) {
  struct __kernel_timespec long_time = {.tv_sec = 600};
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "listener"};
  struct io_uring_cqe *none;
  pthread_t threads[2];
  const int event = eventfd(0, 0), listener = socket(AF_UNIX, SOCK_STREAM, 0), caller = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(pipe(up) == 0 && pipe(down) == 0 && pipe(passing) == 0 && pipe(polled) == 0 && pipe(from) == 0 && pipe(fixed) == 0 && pipe(other) == 0);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0);
  CHECK(io_uring_queue_init(16, &ring, 0) == 0 && io_uring_register_files(&ring, &fixed[0], 1) == 0);
  come_and_go(&ring, 1000000);
  PREPARE(&ring, kPoll, poll_add, polled[0], POLLIN);
  PREPARE(&ring, kFirst, read, from[0], bytes[0], 3, 0);
  PREPARE(&ring, kSecond, read, from[0], bytes[1], 3, 0);
  PREPARE(&ring, kEvent, read, event, bytes[2], 8, 0);
  PREPARE(&ring, kFixed, read, 0, bytes[3], 4, 0), last->flags |= IOSQE_FIXED_FILE;
  PREPARE(&ring, kAccept, accept, listener, NULL, NULL, 0);
  PREPARE(&ring, kLong, timeout, &long_time, 0, 0);
  CHECK(io_uring_submit(&ring) == 7);
  memset(&long_time, 0, sizeof long_time); /* the kernel has its own */
  CHECK(pthread_create(&threads[0], NULL, owner, NULL) == 0);
  wait_for_event(up[0]);
  CHECK(pthread_create(&threads[1], NULL, helper, NULL) == 0);
  wait_for_event(up[0]);
  PREPARE(&ring, kUnread, nop), PREPARE(&ring, kUnread, nop);
  CHECK(io_uring_submit(&ring) == 2);
  PREPARE(&ring, kPrepared, nop);
  ready_and_wait();

  CHECK(result_of(&ring, kUnread) == 0 && result_of(&ring, kUnread) == 0 && io_uring_peek_cqe(&ring, &none) == -EAGAIN);
  CHECK(io_uring_submit(&ring) == 1 && result_of(&ring, kPrepared) == 0);
  CHECK(write(polled[1], "x", 1) == 1 && result_of(&ring, kPoll) == POLLIN && read(polled[0], bytes[7], 1) == 1);
  CHECK(write(from[1], "one", 3) == 3 && io_uring_wait_cqe(&ring, &none) == 0); /* the kernel wakes them in any order */
  const int one = none->user_data == kFirst ? 0 : 1;
  CHECK(result_of(&ring, kFirst + one) == 3 && memcmp(bytes[one], "one", 3) == 0);
  CHECK(write(from[1], "two", 3) == 3 && result_of(&ring, kSecond - one) == 3 && memcmp(bytes[1 - one], "two", 3) == 0);
  CHECK(eventfd_write(event, 7) == 0 && result_of(&ring, kEvent) == 8 && bytes[2][0] == 7);
  CHECK(write(fixed[1], "four", 4) == 4 && result_of(&ring, kFixed) == 4 && memcmp(bytes[3], "four", 4) == 0);
  CHECK(write(pair[1], "received", 8) == 8 && result_of(&ring, kReceive) == 8 && memcmp(bytes[5], "received", 8) == 0);
  CHECK(connect(caller, (struct sockaddr *)&address, sizeof address) == 0);
  const int accepted = result_of(&ring, kAccept);
  CHECK(accepted >= 0 && write(caller, "x", 1) == 1 && read(accepted, bytes[7], 1) == 1);
  CHECK(write(other[1], "owner", 5) == 5);
  signal_event(down[1]);
  for (int i = 0; i < 2; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  come_and_go(&ring, 2000000);
  PREPARE(&ring, kRemoval, timeout_remove, kLong, 0);
  CHECK(io_uring_submit_and_wait(&ring, 2) == 1 && io_uring_peek_cqe(&ring, &none) == 0);
  const uint64_t first = none->user_data;
  CHECK(first == kLong || first == kRemoval);
  for (int i = 0; i < 2; i++) {
    const int removal = (first == kRemoval) == (i == 0);
    CHECK(result_of(&ring, removal ? kRemoval : kLong) == (removal ? 0 : -ECANCELED));
  }
  return pass();
}
