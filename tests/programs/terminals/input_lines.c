/* Pseudo-terminals: input in lines that the slave has not read: whole lines, ends of file, quoted characters, other ends, a line being typed; more than there is room for. */
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

/* Lines of which the last are still on their way into the line discipline. */
enum { LINES = 700 };
static void type_many(int other) {
  for (int i = 0; i != LINES; i++) CHECK(dprintf(other, "line %3d\n", i) == 9);
}
static void expect_many(int reader) {
  char wanted[16], got[16];
  for (int i = 0; i != LINES; i++) {
    CHECK(read(reader, got, sizeof got) == 9 && snprintf(wanted, sizeof wanted, "line %3d\n", i) == 9 && memcmp(got, wanted, 9) == 0);
  }
}

int main(void) {
  struct termios modes;
  int many[2];
  int waiting = -1;
  CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0 && tcgetattr(slave, &modes) == 0);
  modes.c_cc[VEOL] = ';';
  modes.c_iflag |= ICRNL;
  CHECK(tcsetattr(slave, TCSANOW, &modes) == 0);
  static const char kTyped[] = "first\rab\177\177second\nhalf;\026\003\026\004\026\026\026;quoted\001\002\005\nend\004\004unfinishedX";
  type(kTyped, sizeof kTyped - 1, 'X');
  CHECK(openpty(&many[0], &many[1], NULL, NULL, NULL) == 0 && tcgetattr(many[1], &modes) == 0);
  modes.c_lflag &= ~(tcflag_t)ECHO;
  CHECK(tcsetattr(many[1], TCSANOW, &modes) == 0);
  type_many(many[0]);
  ready_and_wait();
  expect_many(many[1]);
  CHECK(poll(&(struct pollfd){many[1], POLLIN, 0}, 1, 0) == 0);
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
