/* Pseudo-terminals: input in lines that the slave has not read: whole lines, ends of file, quoted characters, other ends of lines, and a line being typed. */
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "stasis_test.h"

static int master, slave;
static void expect(const char* bytes, size_t length) {
  char got[4096];
  const ssize_t n = read(slave, got, sizeof got);
  CHECK(n == (ssize_t)length && memcmp(got, bytes, length) == 0);
}

/* Types `typed` and waits until its echo has come, of which `last` is the end. */
static void type(const char* typed, size_t length, char last) {
  char c = (char)(last + 1);
  CHECK(write(master, typed, length) == (ssize_t)length);
  while (c != last) CHECK(read(master, &c, 1) == 1);
}

int main(void) {
  struct termios modes;
  int waiting = -1;
  CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0 && tcgetattr(slave, &modes) == 0);
  modes.c_cc[VEOL] = ';';
  modes.c_iflag |= ICRNL;
  CHECK(tcsetattr(slave, TCSANOW, &modes) == 0);
  static const char kTyped[] = "first\rab\177\177second\nhalf;\026\003\026\004\026\026\026;quoted\001\002\005\nend\004\004unfinishedX";
  type(kTyped, sizeof kTyped - 1, 'X');
  ready_and_wait();
  CHECK(ioctl(master, FIONREAD, &waiting) == 0 && waiting == 0);
  CHECK(tcgetattr(slave, &modes) == 0 && modes.c_cc[VEOL] == ';' && (modes.c_lflag & (ICANON | ECHO | ISIG)) == (ICANON | ECHO | ISIG));
  expect("first\n", 6);
  expect("second\n", 7);
  expect("half;", 5);
  expect("\003\004\026;quoted\001\002\005\n", 14);
  expect("end", 3);
  expect("", 0);
  CHECK(poll(&(struct pollfd){slave, POLLIN, 0}, 1, 0) == 0);
  type("\177\177D!\n", 5, '\n');
  expect("unfinisheD!\n", 12);
  return pass();
}
