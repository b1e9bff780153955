/* The C library's own threads for aio_read and aio_write, which block every signal, finish what was begun and serve what comes afterwards. */
#include <aio.h>
#include <pthread.h>

#include "stasis_test.h"

enum { kSize = 8192 };

int main(void) {
  static char out[kSize], in[kSize], late[16];
  int quiet[2];
  const int fd = open("data", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  CHECK(fd >= 0 && pipe(quiet) == 0);
  fill(out, kSize, 1);
  struct aiocb writing = {.aio_fildes = fd, .aio_buf = out, .aio_nbytes = kSize}, reading = {.aio_fildes = fd, .aio_buf = in, .aio_nbytes = kSize};
  struct aiocb waiting = {.aio_fildes = quiet[0], .aio_buf = late, .aio_nbytes = sizeof late}; /* blocks in a thread until there is something */
  const struct aiocb *one[] = {&writing};
  CHECK(aio_write(&writing) == 0 && aio_suspend(one, 1, NULL) == 0 && aio_error(&writing) == 0 && aio_return(&writing) == kSize);
  CHECK(aio_read(&waiting) == 0);

  ready_and_wait();

  CHECK(aio_error(&waiting) == EINPROGRESS && write(quiet[1], "at last", 8) == 8);
  one[0] = &waiting;
  while (aio_error(&waiting) == EINPROGRESS) CHECK(aio_suspend(one, 1, NULL) == 0);
  CHECK(aio_return(&waiting) == 8 && strcmp(late, "at last") == 0);
  one[0] = &reading;
  CHECK(aio_read(&reading) == 0);
  while (aio_error(&reading) == EINPROGRESS) CHECK(aio_suspend(one, 1, NULL) == 0);
  CHECK(aio_return(&reading) == kSize && is_filled(in, kSize, 1));
  return pass();
}
