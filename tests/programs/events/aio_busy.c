/* Asynchronous I/O that never pauses: threads submit and receive while they are stopped, and every request completes once. */
#include <linux/aio_abi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "stasis_test.h"

enum { kThreads = 4, kBlock = 4096, kAtOnce = 8 };

static atomic_int over;
static int fd, up[2];

static void *work(void *place) {
  aio_context_t context = 0;
  struct iocb requests[kAtOnce], *list[kAtOnce];
  struct io_event events[kAtOnce];
  char *blocks;
  CHECK(syscall(SYS_io_setup, kAtOnce, &context) == 0 && posix_memalign((void **)&blocks, kBlock, kAtOnce * kBlock) == 0);
  for (long round = 0; !atomic_load(&over) || round == 0; round++) {
    long taken = 0, told = 0;
    uint64_t names = 0;
    for (long i = 0; i < kAtOnce; i++) {
      requests[i] = (struct iocb){.aio_lio_opcode = round % 2 ? IOCB_CMD_PREAD : IOCB_CMD_PWRITE, .aio_fildes = fd, .aio_buf = (uintptr_t)(blocks + i * kBlock), .aio_nbytes = kBlock};
      requests[i].aio_offset = ((long)(intptr_t)place * kAtOnce + i) * kBlock, requests[i].aio_data = i, list[i] = &requests[i];
    }
    if (round % 2 == 0) fill(blocks, kAtOnce * kBlock, round & 0xff);
    else memset(blocks, 0, kAtOnce * kBlock);
    while (taken < kAtOnce) {
      const long more = syscall(SYS_io_submit, context, kAtOnce - taken, list + taken);
      CHECK(more > 0);
      taken += more;
    }
    while (told < kAtOnce) {
      const long more = syscall(SYS_io_getevents, context, 1, kAtOnce - told, events, NULL);
      CHECK(more > 0);
      for (long i = 0; i < more; i++) {
        CHECK(events[i].res == kBlock && (names & 1u << events[i].data) == 0);
        names |= 1u << events[i].data;
      }
      told += more;
    }
    CHECK(is_filled(blocks, kAtOnce * kBlock, (round - round % 2) & 0xff));
    if (round == 2) signal_event(up[1]);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[kThreads];
  fd = open("file", O_RDWR | O_CREAT | O_EXCL | O_DIRECT, 0600);
  if (fd < 0) fd = open("file", O_RDWR | O_CREAT, 0600); /* not every file system has it */
  CHECK(fd >= 0 && pipe(up) == 0);
  for (intptr_t i = 0; i < kThreads; i++) CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
  for (int i = 0; i < kThreads; i++) wait_for_event(up[0]);
  ready_and_wait();

  atomic_store(&over, 1);
  for (int i = 0; i < kThreads; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  return pass();
}
