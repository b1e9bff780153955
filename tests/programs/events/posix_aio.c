/* POSIX asynchronous I/O, by the C library's own threads: results that nobody has fetched, a read that waits, somebody who waits for it, a notification. */
#include <aio.h>
#include <pthread.h>
#include <signal.h>

#include "stasis_test.h"

static struct aiocb pending;
static char byte;

static void *waiting(void *unused) {
  const struct aiocb *list[1] = {&pending};
  CHECK(aio_suspend(list, 1, NULL) == 0);
  return unused;
}

int main(void) {
  char text[6] = "", more[6] = "";
  int ends[2], signal;
  sigset_t set;
  pthread_t thread;
  const int file = open("file", O_RDWR | O_CREAT | O_EXCL, 0600);
  sigemptyset(&set), sigaddset(&set, SIGUSR1);
  CHECK(file >= 0 && pipe(ends) == 0 && sigprocmask(SIG_BLOCK, &set, NULL) == 0);
  struct aiocb writing = {.aio_fildes = file, .aio_buf = "hello", .aio_nbytes = 5}, reading = {.aio_fildes = file, .aio_buf = text, .aio_nbytes = 5};
  const struct aiocb *list[1] = {&writing};
  CHECK(aio_write(&writing) == 0);
  while (aio_error(&writing) == EINPROGRESS) CHECK(aio_suspend(list, 1, NULL) == 0);
  pending = (struct aiocb){.aio_fildes = ends[0], .aio_buf = &byte, .aio_nbytes = 1};
  pending.aio_sigevent.sigev_notify = SIGEV_SIGNAL, pending.aio_sigevent.sigev_signo = SIGUSR1;
  CHECK(aio_read(&pending) == 0 && pthread_create(&thread, NULL, waiting, NULL) == 0);
  ready_and_wait();

  CHECK(aio_error(&writing) == 0 && aio_return(&writing) == 5 && aio_error(&pending) == EINPROGRESS);
  CHECK(write(ends[1], "p", 1) == 1 && sigwait(&set, &signal) == 0 && signal == SIGUSR1 && pthread_join(thread, NULL) == 0);
  CHECK(aio_error(&pending) == 0 && aio_return(&pending) == 1 && byte == 'p');
  struct aiocb again = {.aio_fildes = file, .aio_buf = more, .aio_nbytes = 5, .aio_lio_opcode = LIO_READ};
  struct aiocb *both[2] = {&reading, &again};
  reading.aio_lio_opcode = LIO_READ;
  CHECK(lio_listio(LIO_WAIT, both, 2, NULL) == 0 && aio_return(&reading) == 5 && aio_return(&again) == 5);
  CHECK(strcmp(text, "hello") == 0 && strcmp(more, "hello") == 0);
  return pass();
}
