/* Pseudo-terminals: input not made into lines that the slave has not read: all bytes, more than there is room for, without VMIN, and with lines made elsewhere (EXTPROC). */
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "terminal_test.h"

enum { SIZE = 6000 };

int main(void) {
  static unsigned char sent[SIZE], got[SIZE];
  int master, slave, small, background, outer, external;
  struct termios modes;
  CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0 && openpty(&small, &background, NULL, NULL, NULL) == 0);
  CHECK(tcgetattr(slave, &modes) == 0);
  cfmakeraw(&modes);
  CHECK(tcsetattr(slave, TCSANOW, &modes) == 0);
  modes.c_cc[VMIN] = 0, modes.c_cc[VTIME] = 0;
  CHECK(tcsetattr(background, TCSANOW, &modes) == 0);
  fill(sent, SIZE, 3);
  for (int i = 0; i != 256; i++) sent[i] = (unsigned char)i;
  CHECK(write(master, sent, SIZE) == SIZE && write(small, "\003\004\r\n\377x", 6) == 6);
  CHECK(openpty(&outer, &external, NULL, NULL, NULL) == 0 && tcgetattr(external, &modes) == 0);
  modes.c_lflag |= EXTPROC;
  CHECK(tcsetattr(external, TCSANOW, &modes) == 0 && write(outer, "ab\003c\nd", 6) == 6 && write(external, "out", 3) == 3);
  ready_and_wait();
  for (int done = 0; done != SIZE;) {
    const ssize_t n = read(slave, got + done, (size_t)(SIZE - done));
    CHECK(n > 0);
    done += (int)n;
  }
  CHECK(memcmp(sent, got, SIZE) == 0);
  CHECK(poll(&(struct pollfd){slave, POLLIN, 0}, 1, 0) == 0);
  CHECK(poll(&(struct pollfd){background, POLLIN, 0}, 1, -1) == 1);
  CHECK(reads(background, "\003\004\r\n\377x", 6));
  CHECK(tcgetattr(background, &modes) == 0 && modes.c_cc[VMIN] == 0);
  CHECK(read(background, got, SIZE) == 0);
  CHECK(tcgetattr(external, &modes) == 0 && (modes.c_lflag & EXTPROC) != 0 && (modes.c_lflag & ICANON) != 0);
  CHECK(reads(external, "ab\003c\nd", 6) && reads(outer, "out", 3) && poll(&(struct pollfd){outer, POLLIN, 0}, 1, 0) == 0);
  return pass();
}
