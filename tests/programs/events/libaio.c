/* Asynchronous I/O by libaio: contexts by io_setup and io_queue_init, results that nobody has fetched, requests to files under way, more of them afterwards. */
#include <libaio.h>

#include "stasis_test.h"

enum { kBlock = 4096, kMost = 8 };

static void submit(io_context_t context, struct iocb *requests, int count) {
  struct iocb *list[kMost];
  for (int i = 0; i < count; i++) list[i] = &requests[i];
  CHECK(io_submit(context, count, list) == count);
}

int main(void) {
  io_context_t context = NULL, other = NULL, gone = NULL;
  struct io_event events[kMost];
  struct iocb requests[kMost];
  struct timespec none = {0, 0};
  char *blocks, *back;
  int fd = open("file", O_RDWR | O_CREAT | O_EXCL | O_DIRECT, 0600);
  if (fd < 0) fd = open("file", O_RDWR | O_CREAT, 0600); /* not every file system has it */
  CHECK(fd >= 0 && io_setup(kMost, &context) == 0 && io_queue_init(kMost, &other) == 0 && io_setup(kMost, &gone) == 0 && io_destroy(gone) == 0);
  CHECK(posix_memalign((void **)&blocks, kBlock, kMost * kBlock) == 0 && posix_memalign((void **)&back, kBlock, kMost * kBlock) == 0);
  fill(blocks, kMost * kBlock, 1);
  for (long i = 0; i < kMost; i++) {
    io_prep_pwrite(&requests[i], fd, blocks + i * kBlock, kBlock, i * kBlock);
    requests[i].data = (void *)(100 + i);
  }
  submit(context, requests, kMost);
  CHECK(io_getevents(context, 3, 3, events, NULL) == 3);
  CHECK(io_submit(other, -1, NULL) == -EINVAL);
  ready_and_wait();

  CHECK(io_getevents(context, kMost - 3, kMost, events, NULL) == kMost - 3 && io_getevents(context, 0, 1, events + kMost - 1, &none) == 0);
  for (int i = 0; i < kMost - 3; i++) CHECK(events[i].res == kBlock && (long)events[i].data >= 100 && (long)events[i].data < 100 + kMost);
  for (long i = 0; i < kMost; i++) io_prep_pread(&requests[i], fd, back + i * kBlock, kBlock, i * kBlock);
  submit(other, requests, kMost);
  CHECK(io_getevents(other, kMost, kMost, events, NULL) == kMost && is_filled(back, kMost * kBlock, 1));
  CHECK(io_destroy(gone) == -EINVAL && io_queue_release(other) == 0 && io_destroy(context) == 0 && io_destroy(context) == -EINVAL);
  return pass();
}
