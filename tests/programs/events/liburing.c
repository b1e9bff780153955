/* io_urings by liburing: results that nobody has read, requests that are prepared only, files and buffers that are registered and changed, many rounds. */
#include <liburing.h>

#include "stasis_test.h"

enum { kRounds = 300000, kAtOnce = 64 };

static struct io_uring ring, small;
static int file;
static char bytes[256];

static void read_file(struct io_uring *in, unsigned size, long name) {
  struct io_uring_sqe *request = io_uring_get_sqe(in);
  CHECK(request != NULL);
  io_uring_prep_read(request, file, bytes, size, 0);
  request->user_data = name;
}
static void expect(struct io_uring *in, uint64_t name, int result) {
  struct io_uring_cqe *told;
  CHECK(io_uring_wait_cqe(in, &told) == 0);
  CHECK(told->user_data == name && told->res == result);
  io_uring_cqe_seen(in, told);
}

int main(void) {
  char fixed[2][512];
  struct iovec buffers[2] = {{fixed[0], 512}, {fixed[1], 512}};
  struct io_uring_params made = {.flags = IORING_SETUP_CQSIZE, .cq_entries = 512};
  struct io_uring gone;
  struct io_uring_cqe *none;
  file = open("file", O_RDWR | O_CREAT | O_EXCL, 0600);
  CHECK(file >= 0 && write(file, "0123456789", 10) == 10);
  CHECK(io_uring_queue_init(4, &gone, 0) == 0);
  io_uring_queue_exit(&gone);
  CHECK(io_uring_queue_init_params(kAtOnce, &ring, &made) == 0 && io_uring_queue_init(2, &small, 0) == 0);
  for (int i = 0; i < kRounds; i += kAtOnce) {
    for (int k = 0; k < kAtOnce; k++) io_uring_prep_nop(io_uring_get_sqe(&ring));
    CHECK(io_uring_submit_and_wait(&ring, kAtOnce) == kAtOnce);
    io_uring_cq_advance(&ring, kAtOnce);
  }
  CHECK(io_uring_register_files_sparse(&ring, 4) == 0 && io_uring_register_files_update(&ring, 2, &file, 1) == 1);
  CHECK(io_uring_register_buffers(&small, buffers, 2) == 0);
  for (int i = 1; i <= 5; i++) read_file(&ring, i, i);
  CHECK(io_uring_submit_and_wait(&ring, 5) == 5);
  read_file(&ring, 6, 6), read_file(&small, 3, 3), read_file(&small, 4, 4);
  CHECK(io_uring_submit(&small) == 2);
  read_file(&small, 5, 5);
  ready_and_wait();

  for (int i = 1; i <= 5; i++) expect(&ring, i, i);
  CHECK(io_uring_peek_cqe(&ring, &none) == -EAGAIN);
  CHECK(io_uring_submit(&ring) == 1 && io_uring_submit(&small) == 1);
  expect(&ring, 6, 6);
  /* Small reads of a file complete in any order. */
  for (int i = 0, sum = 0; i < 3; i++) {
    CHECK(io_uring_wait_cqe(&small, &none) == 0 && none->user_data == (uint64_t)none->res);
    sum = sum * 10 + none->res;
    io_uring_cqe_seen(&small, none);
    CHECK(i < 2 || sum == 345 || sum == 435);
  }
  struct io_uring_sqe *request = io_uring_get_sqe(&ring);
  io_uring_prep_read(request, 2, bytes, 10, 0);
  request->flags |= IOSQE_FIXED_FILE, request->user_data = 10;
  CHECK(io_uring_submit(&ring) == 1);
  expect(&ring, 10, 10);
  CHECK(memcmp(bytes, "0123456789", 10) == 0);
  request = io_uring_get_sqe(&small);
  io_uring_prep_read_fixed(request, file, fixed[1], 8, 0, 1);
  request->user_data = 8;
  CHECK(io_uring_submit(&small) == 1);
  expect(&small, 8, 8);
  CHECK(memcmp(fixed[1], "01234567", 8) == 0);
  CHECK(io_uring_unregister_files(&ring) == 0 && io_uring_unregister_buffers(&small) == 0);
  io_uring_queue_exit(&ring);
  io_uring_queue_exit(&small);
  return pass();
}
