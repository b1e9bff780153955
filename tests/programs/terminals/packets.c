/* Pseudo-terminals: packet mode with bytes and with news that the master has not read; exclusive mode. */
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "terminal_test.h"

int main(void) {
  int master[3], slave[3], on = 1, mode = 0;
  char got[64], name[64];
  for (int i = 0; i != 3; i++) CHECK(openpty(&master[i], &slave[i], name, NULL, NULL) == 0);
  CHECK(ioctl(master[0], TIOCPKT, &on) == 0 && ioctl(master[1], TIOCPKT, &on) == 0);
  CHECK(write(slave[0], "data", 4) == 4);
  CHECK(tcflush(slave[1], TCIFLUSH) == 0 && tcflow(slave[1], TCOOFF) == 0);
  CHECK(ioctl(slave[2], TIOCEXCL) == 0);
  ready_and_wait();
  CHECK(ioctl(master[0], TIOCGPKT, &mode) == 0 && mode != 0);
  CHECK(poll(&(struct pollfd){master[0], POLLIN, 0}, 1, -1) == 1);
  CHECK(read(master[0], got, sizeof got) == 5 && memcmp(got, "\0data", 5) == 0);
  CHECK(poll(&(struct pollfd){master[0], POLLIN | POLLPRI, 0}, 1, 0) == 0);
  CHECK(read(master[1], got, sizeof got) == 1 && got[0] == (TIOCPKT_FLUSHREAD | TIOCPKT_STOP));
  CHECK(tcflow(slave[1], TCOON) == 0 && read(master[1], got, sizeof got) == 1 && got[0] == TIOCPKT_START);
  CHECK(write(slave[1], "go", 2) == 2 && reads(master[1], "\0go", 3));
  CHECK(ioctl(master[2], TIOCGPKT, &mode) == 0 && mode == 0);
  CHECK(ioctl(slave[2], TIOCGEXCL, &mode) == 0 && mode != 0);
  if (geteuid() != 0) CHECK(open(name, O_RDWR | O_NOCTTY) == -1 && errno == EBUSY);
  CHECK(ioctl(slave[2], TIOCNXCL) == 0 && (on = open(name, O_RDWR | O_NOCTTY)) >= 0);
  return pass();
}
