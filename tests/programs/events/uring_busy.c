/* io_urings that never pause: threads submit reads and writes, reads of a pipe and timeouts, and receive, while they are stopped; every request completes once, with what it was to do. */
#include <liburing.h>
#include <pthread.h>
#include <stdatomic.h>

#include "stasis_test.h"

enum { kThreads = 3, kBlock = 4096, kAtOnce = 8, kPipe = 100, kTime };

static atomic_int over;
static int file, up[2];

static void collect(struct io_uring *ring, int count, uint64_t *names, int pipes) {
  struct io_uring_cqe *told;
  while (count-- > 0) {
    CHECK(io_uring_wait_cqe(ring, &told) == 0);
    const unsigned bit = told->user_data == kPipe ? 40 : told->user_data == kTime ? 41 : (unsigned)told->user_data;
    CHECK(bit < 64 && (*names >> bit & 1) == 0);
    *names |= 1ull << bit;
    if (bit == 40) CHECK(pipes && told->res == 4);
    else if (bit == 41) CHECK(told->res == -ETIME);
    else CHECK(told->res == kBlock);
    io_uring_cqe_seen(ring, told);
  }
}

static void *work(void *place) {
  const long which = (long)(intptr_t)place;
  struct io_uring ring;
  int ends[2];
  char *blocks, word[8];
  CHECK(io_uring_queue_init(16, &ring, which == 0 ? IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN : which == 1 ? IORING_SETUP_COOP_TASKRUN : 0) == 0);
  CHECK(posix_memalign((void **)&blocks, kBlock, kAtOnce * kBlock) == 0 && pipe(ends) == 0);
  for (long round = 0; !atomic_load(&over) || round == 0; round++) {
    struct __kernel_timespec moment = {0, 100000};
    struct io_uring_sqe *request;
    uint64_t names = 0;
    if (round % 2 == 0) fill(blocks, kAtOnce * kBlock, round & 0xff);
    else memset(blocks, 0, kAtOnce * kBlock);
    memset(word, 0, sizeof word);
    request = io_uring_get_sqe(&ring);
    io_uring_prep_read(request, ends[0], word, 4, 0);
    request->user_data = kPipe;
    request = io_uring_get_sqe(&ring);
    io_uring_prep_timeout(request, &moment, 0, 0);
    request->user_data = kTime;
    CHECK(io_uring_submit(&ring) == 2);
    for (int i = 0; i < kAtOnce; i++) {
      request = io_uring_get_sqe(&ring);
      const off_t offset = (which * kAtOnce + i) * kBlock;
      if (round % 2 == 0) io_uring_prep_write(request, file, blocks + i * kBlock, kBlock, offset);
      else io_uring_prep_read(request, file, blocks + i * kBlock, kBlock, offset);
      request->user_data = i;
      if (i % 4 == 3) CHECK(io_uring_submit(&ring) == 4);
    }
    collect(&ring, kAtOnce, &names, 0);
    CHECK(write(ends[1], "word", 4) == 4);
    collect(&ring, kAtOnce + 2 - __builtin_popcountll(names), &names, 1);
    CHECK(memcmp(word, "word", 4) == 0 && is_filled(blocks, kAtOnce * kBlock, (round - round % 2) & 0xff));
    if (round == 2) signal_event(up[1]);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[kThreads];
  file = open("file", O_RDWR | O_CREAT | O_EXCL, 0600);
  CHECK(file >= 0 && pipe(up) == 0);
  for (intptr_t i = 0; i < kThreads; i++) CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
  for (int i = 0; i < kThreads; i++) wait_for_event(up[0]);
  ready_and_wait();

  atomic_store(&over, 1);
  for (int i = 0; i < kThreads; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  return pass();
}
