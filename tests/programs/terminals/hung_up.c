/* Pseudo-terminals: a slave whose master is closed, and a master whose slave was closed. */
#include <poll.h>
#include <pty.h>
#include <termios.h>

#include "stasis_test.h"

int main(void) {
  int master[2], slave[2];
  char byte, name[64];
  struct termios modes;
  for (int i = 0; i != 2; i++) CHECK(openpty(&master[i], &slave[i], name, NULL, NULL) == 0);
  CHECK(close(master[0]) == 0 && close(slave[1]) == 0);
  ready_and_wait();
  CHECK(read(slave[0], &byte, 1) == 0);
  CHECK(write(slave[0], "x", 1) == -1 && errno == EIO);
  CHECK(tcgetattr(slave[0], &modes) == -1 && errno == EIO);
  CHECK(poll(&(struct pollfd){master[1], POLLIN, 0}, 1, 0) == 1);
  CHECK(read(master[1], &byte, 1) == -1 && errno == EIO);
  CHECK((slave[1] = open(name, O_RDWR | O_NOCTTY)) >= 0);
  CHECK(write(master[1], "y\n", 2) == 2 && read(slave[1], &byte, 1) == 1 && byte == 'y');
  return pass();
}
