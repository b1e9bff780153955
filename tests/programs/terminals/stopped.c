/* Pseudo-terminals: output that was stopped, by tcflow(3) and by the STOP character, with bytes waiting in both directions. */
#include <poll.h>
#include <pty.h>
#include <termios.h>

#include "terminal_test.h"

static int can_write(int fd) { return poll(&(struct pollfd){fd, POLLOUT, 0}, 1, 0) == 1; }

int main(void) {
  int master[2], slave[2];
  char got[64];
  for (int i = 0; i != 2; i++) {
    CHECK(openpty(&master[i], &slave[i], NULL, NULL, NULL) == 0);
    CHECK(write(slave[i], "before", 6) == 6 && write(master[i], "line\n", 5) == 5);
    CHECK(poll(&(struct pollfd){slave[i], POLLIN, 0}, 1, -1) == 1);
  }
  CHECK(tcflow(slave[0], TCOOFF) == 0);
  CHECK(write(master[1], "\023", 1) == 1);
  while (can_write(slave[1])) usleep(1000); /* until the kernel's worker has seen the character */
  ready_and_wait();
  for (int i = 0; i != 2; i++) {
    CHECK(!can_write(slave[i]));
    CHECK(reads(master[i], "beforeline\r\n", 12));
    CHECK(!can_write(slave[i]));
    CHECK(read(slave[i], got, sizeof got) == 5 && memcmp(got, "line\n", 5) == 0);
  }
  CHECK(tcflow(slave[0], TCOON) == 0 && can_write(slave[0]));
  CHECK(tcflow(slave[1], TCOON) == 0 && !can_write(slave[1]));
  CHECK(write(master[1], "\021", 1) == 1 && write(slave[1], "go", 2) == 2 && reads(master[1], "go", 2));
  return pass();
}
