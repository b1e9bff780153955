/* Pseudo-terminals: a master that is not unlocked yet, and one whose slave was never opened. */
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "stasis_test.h"

int main(void) {
  char name[64];
  struct termios modes;
  const int locked = posix_openpt(O_RDWR | O_NOCTTY), waiting = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
  CHECK(locked >= 0 && waiting >= 0 && unlockpt(waiting) == 0);
  CHECK(tcgetattr(waiting, &modes) == 0);
  modes.c_lflag &= ~(tcflag_t)ECHO;
  CHECK(tcsetattr(waiting, TCSANOW, &modes) == 0);
  ready_and_wait();
  int lock = 0, slave;
  CHECK(ioctl(locked, TIOCGPTLCK, &lock) == 0 && lock != 0);
  CHECK(ptsname_r(locked, name, sizeof name) == 0);
  CHECK(open(name, O_RDWR | O_NOCTTY) == -1 && errno == EIO);
  CHECK(unlockpt(locked) == 0 && (slave = open(name, O_RDWR | O_NOCTTY)) >= 0 && isatty(slave));
  CHECK(ioctl(waiting, TIOCGPTLCK, &lock) == 0 && lock == 0);
  CHECK(poll(&(struct pollfd){waiting, POLLIN, 0}, 1, 0) == 0);
  CHECK(read(waiting, name, 1) == -1 && errno == EAGAIN);
  CHECK(tcgetattr(waiting, &modes) == 0 && (modes.c_lflag & ECHO) == 0);
  CHECK(ptsname_r(waiting, name, sizeof name) == 0 && (slave = open(name, O_RDWR | O_NOCTTY)) >= 0);
  CHECK(write(waiting, "a\n", 2) == 2 && read(slave, name, sizeof name) == 2);
  return pass();
}
