/* Contexts of asynchronous I/O: completed requests that nobody has received, a ring that has gone round, requests under way, threads that wait for events. */
#include <linux/aio_abi.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <time.h>

#include "stasis_test.h"

enum { kBlock = 4096, kUnreceived = 5, kRounds = 300, kDirect = 16 };

static aio_context_t set_up(unsigned count) {
  aio_context_t context = 0;
  CHECK(syscall(SYS_io_setup, count, &context) == 0);
  return context;
}
static void submit(aio_context_t context, int command, int fd, void *bytes, size_t size, long offset, uint64_t name, int event) {
  struct iocb request = {.aio_lio_opcode = command, .aio_fildes = fd, .aio_buf = (uintptr_t)bytes, .aio_nbytes = size, .aio_offset = offset, .aio_data = name};
  struct iocb *list[1] = {&request};
  if (event >= 0) request.aio_flags = IOCB_FLAG_RESFD, request.aio_resfd = event;
  CHECK(syscall(SYS_io_submit, context, 1L, list) == 1);
}
static long receive(aio_context_t context, long least, long most, struct io_event *events, struct timespec *timeout) {
  return syscall(SYS_io_getevents, context, least, most, events, timeout);
}
static void expect(aio_context_t context, uint64_t name, long result) {
  struct io_event event;
  CHECK(receive(context, 1, 1, &event, NULL) == 1 && event.data == name && event.res == result && event.res2 == 0);
}

static aio_context_t waited_for, idle;
static int up[2];
static void say_who(void) {
  const pid_t self = gettid();
  CHECK(write(up[1], &self, sizeof self) == sizeof self);
}
static void *waiting(void *timeout) {
  struct io_event event;
  say_who();
  CHECK(receive(waited_for, 1, 1, &event, timeout) == 1 && event.res == 1);
  return NULL;
}
static void *in_vain(void *timeout) {
  struct io_event event;
  say_who();
  CHECK(receive(idle, 1, 1, &event, timeout) == 0);
  return NULL;
}

int main(void) {
  struct timespec long_time = {600, 0}, short_time = {5, 0}, none = {0, 0};
  struct io_event events[kDirect];
  pthread_t threads[3];
  pid_t tid;
  char *blocks, *direct, byte = 'x';
  uint64_t count;
  const int file = open("file", O_RDWR | O_CREAT | O_EXCL, 0600), event = eventfd(0, 0);
  int straight = open("file", O_RDWR | O_DIRECT);
  if (straight < 0) straight = open("file", O_RDWR); /* not every file system has it */
  CHECK(file >= 0 && event >= 0 && straight >= 0);
  CHECK(pipe(up) == 0 && posix_memalign((void **)&blocks, kBlock, kBlock) == 0 && posix_memalign((void **)&direct, kBlock, kDirect * kBlock) == 0);
  fill(direct, kDirect * kBlock, 3);
  const aio_context_t ring = set_up(16), large = set_up(1000), gone = set_up(1), fast = set_up(kDirect);
  waited_for = set_up(4), idle = set_up(4);
  CHECK(syscall(SYS_io_destroy, gone) == 0);
  for (int i = 0; i < kRounds; i++) submit(ring, IOCB_CMD_PWRITE, file, &byte, 1, i, i, -1), expect(ring, i, 1);
  for (int i = 0; i < kUnreceived; i++) submit(ring, IOCB_CMD_PWRITE, file, &byte, 1, i, 1000 + i, -1), submit(large, IOCB_CMD_PREAD, file, blocks, 10 + i, 0, 2000 + i, -1);
  CHECK(pthread_create(&threads[0], NULL, waiting, NULL) == 0 && pthread_create(&threads[1], NULL, waiting, &long_time) == 0);
  CHECK(pthread_create(&threads[2], NULL, in_vain, &short_time) == 0);
  for (int i = 0; i < 3; i++) {
    CHECK(read(up[0], &tid, sizeof tid) == sizeof tid);
    until_blocked_in(tid, SYS_io_getevents);
  }
  for (int i = 0; i < kDirect; i++) submit(fast, IOCB_CMD_PWRITE, straight, direct + i * kBlock, kBlock, (1L + i) * kBlock, i, -1);
  ready_and_wait();

  for (int i = 0; i < kUnreceived; i++) expect(ring, 1000 + i, 1);
  CHECK(receive(large, 2, 2, events, NULL) == 2 && events[0].data == 2000 && events[1].data == 2001 && events[1].res == 11);
  CHECK(receive(large, 1, 10, events, &none) == 3 && events[2].data == 2004 && events[2].res == 14);
  CHECK(receive(ring, 0, 1, events, &none) == 0 && receive(gone, 0, 1, events, &none) == -1 && errno == EINVAL);
  CHECK(receive(fast, kDirect, kDirect, events, NULL) == kDirect);
  for (int i = 0; i < kDirect; i++) CHECK(events[i].res == kBlock);
  for (int i = 0; i < kDirect; i++) {
    CHECK(pread(file, blocks, kBlock, (1L + i) * kBlock) == kBlock && memcmp(blocks, direct + i * kBlock, kBlock) == 0);
  }
  for (int i = 0; i < kRounds; i++) submit(ring, IOCB_CMD_PREAD, file, &byte, 1, 0, i, event), expect(ring, i, 1);
  CHECK(read(event, &count, sizeof count) == sizeof count && count == kRounds);
  for (int i = 0; i < 2; i++) submit(waited_for, IOCB_CMD_PREAD, file, &byte, 1, 0, 0, -1);
  for (int i = 0; i < 3; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  submit(large, IOCB_CMD_FDSYNC, file, NULL, 0, 0, 7, -1);
  expect(large, 7, 0);
  CHECK(syscall(SYS_io_destroy, large) == 0 && syscall(SYS_io_destroy, large) == -1 && errno == EINVAL);
  return pass();
}
