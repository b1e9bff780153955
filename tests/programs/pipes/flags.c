/* Pipes that do not block stay so, at one end only; a reader that polls and a writer whose reader is gone learn the same as before. */
#include <poll.h>

#include "stasis_test.h"

int main(void) {
  int quiet[2], full[2], broken[2];
  char byte;
  CHECK(pipe(quiet) == 0 && pipe2(full, O_NONBLOCK | O_CLOEXEC) == 0 && pipe(broken) == 0);
  CHECK(fcntl(quiet[0], F_SETFL, O_NONBLOCK) == 0 && signal(SIGPIPE, SIG_IGN) != SIG_ERR && close(broken[0]) == 0);
  while (write(full[1], "x", 1) > 0) continue;
  CHECK(errno == EAGAIN);

  ready_and_wait();

  struct pollfd ready[2] = {{.fd = quiet[0], .events = POLLIN}, {.fd = full[1], .events = POLLOUT}};
  CHECK((fcntl(quiet[0], F_GETFL) & O_NONBLOCK) != 0 && (fcntl(quiet[1], F_GETFL) & O_NONBLOCK) == 0);
  CHECK(fcntl(full[0], F_GETFD) == FD_CLOEXEC && fcntl(quiet[0], F_GETFD) == 0);
  CHECK(read(quiet[0], &byte, 1) == -1 && errno == EAGAIN && poll(ready, 2, 0) == 0);
  CHECK(write(full[1], "x", 1) == -1 && errno == EAGAIN);
  CHECK(write(quiet[1], "q", 1) == 1 && poll(ready, 1, 0) == 1 && read(quiet[0], &byte, 1) == 1 && byte == 'q');
  CHECK(write(broken[1], "x", 1) == -1 && errno == EPIPE);
  return pass();
}
