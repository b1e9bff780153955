/* Pseudo-terminals: output that the master has not read: a little, as much as there is room for, and after its slave was closed. */
#include <poll.h>
#include <pty.h>
#include <termios.h>

#include "stasis_test.h"

static void read_all_of(int master, const unsigned char* sent, size_t size) {
  static unsigned char got[1 << 17];
  for (size_t done = 0; done != size;) {
    const ssize_t n = read(master, got + done, size - done);
    CHECK(n > 0);
    done += (size_t)n;
  }
  CHECK(memcmp(sent, got, size) == 0);
}

int main(void) {
  static unsigned char sent[1 << 17];
  int master[3], slave[3];
  size_t full = 0;
  char byte;
  struct termios modes;
  for (int i = 0; i != 3; i++) CHECK(openpty(&master[i], &slave[i], NULL, NULL, NULL) == 0);
  CHECK(write(slave[0], "one\ttwo\n", 8) == 8);
  CHECK(tcgetattr(slave[1], &modes) == 0);
  cfmakeraw(&modes);
  CHECK(tcsetattr(slave[1], TCSANOW, &modes) == 0 && fcntl(slave[1], F_SETFL, O_RDWR | O_NONBLOCK) == 0);
  fill(sent, sizeof sent, 9);
  /* Until the kernel's worker has moved what it can: what has no room then has none for long. */
  for (ssize_t n = 1; n > 0; full += n > 0 ? (size_t)n : 0) {
    n = write(slave[1], sent + full, 100);
    if (n < 0 && poll(&(struct pollfd){slave[1], POLLOUT, 0}, 1, 100) == 1) n = 1, full--;
  }
  CHECK(full > 4096);
  CHECK(write(slave[2], "last words\n", 11) == 11 && close(slave[2]) == 0);
  ready_and_wait();
  read_all_of(master[0], (const unsigned char*)"one\ttwo\r\n", 9);
  CHECK(poll(&(struct pollfd){master[0], POLLIN, 0}, 1, 0) == 0);
  read_all_of(master[1], sent, full);
  CHECK(poll(&(struct pollfd){master[1], POLLIN, 0}, 1, 0) == 0);
  CHECK(poll(&(struct pollfd){slave[1], POLLOUT, 0}, 1, 0) == 1);
  read_all_of(master[2], (const unsigned char*)"last words\r\n", 12);
  CHECK(poll(&(struct pollfd){master[2], POLLIN, 0}, 1, 0) == 1);
  CHECK(read(master[2], &byte, 1) == -1 && errno == EIO);
  return pass();
}
