/* Pseudo-terminals: both ends of three pairs with a gap between their numbers; names, modes, window size, who may write to it. */
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#include "terminal_test.h"

enum { PAIRS = 3 };
static struct {
  int master, slave;
  char name[64];
  struct termios modes;
  struct winsize size;
  struct stat node;
} pairs[PAIRS];

static void make(int i) {
  pairs[i].size = (struct winsize){(unsigned short)(20 + i), (unsigned short)(70 + i), 5, 7};
  CHECK((pairs[i].master = posix_openpt(O_RDWR | O_NOCTTY | (i == 1 ? O_CLOEXEC : 0))) >= 0);
  CHECK(grantpt(pairs[i].master) == 0 && unlockpt(pairs[i].master) == 0);
  CHECK(ptsname_r(pairs[i].master, pairs[i].name, sizeof pairs[i].name) == 0);
  CHECK((pairs[i].slave = open(pairs[i].name, O_RDWR | O_NOCTTY | (i == 2 ? O_NONBLOCK : 0))) >= 0);
  CHECK(tcgetattr(pairs[i].slave, &pairs[i].modes) == 0);
  pairs[i].modes.c_cc[VINTR] = (cc_t)(1 + i);
  pairs[i].modes.c_lflag &= i == 0 ? ~0u : ~(tcflag_t)(ECHO | ICANON);
  pairs[i].modes.c_oflag &= i == 1 ? ~(tcflag_t)OPOST : ~0u;
  CHECK(cfsetspeed(&pairs[i].modes, i == 2 ? B115200 : B9600) == 0);
  CHECK(tcsetattr(pairs[i].slave, TCSANOW, &pairs[i].modes) == 0);
  CHECK(ioctl(pairs[i].master, TIOCSWINSZ, &pairs[i].size) == 0);
  CHECK(fchmod(pairs[i].slave, i == 1 ? 0622 : 0600) == 0);
  CHECK(fstat(pairs[i].slave, &pairs[i].node) == 0);
}

static void verify(int i) {
  char name[64];
  struct termios modes;
  struct winsize size;
  struct stat node;
  memset(&modes, 0, sizeof modes); /* its padding, too */
  CHECK(ptsname_r(pairs[i].master, name, sizeof name) == 0 && strcmp(name, pairs[i].name) == 0);
  CHECK(ttyname_r(pairs[i].slave, name, sizeof name) == 0 && strcmp(name, pairs[i].name) == 0);
  CHECK(tcgetattr(pairs[i].slave, &modes) == 0 && memcmp(&modes, &pairs[i].modes, sizeof modes) == 0);
  CHECK(ioctl(pairs[i].slave, TIOCGWINSZ, &size) == 0 && memcmp(&size, &pairs[i].size, sizeof size) == 0);
  CHECK(fstat(pairs[i].slave, &node) == 0 && node.st_mode == pairs[i].node.st_mode && node.st_rdev == pairs[i].node.st_rdev && node.st_uid == pairs[i].node.st_uid);
  CHECK((fcntl(pairs[i].slave, F_GETFL) & O_NONBLOCK) == (i == 2 ? O_NONBLOCK : 0));
  CHECK(write(pairs[i].master, "in\n", 3) == 3);
  CHECK(poll(&(struct pollfd){pairs[i].slave, POLLIN, 0}, 1, -1) == 1 && reads(pairs[i].slave, "in\n", 3));
  if (i == 0) CHECK(reads(pairs[i].master, "in\r\n", 4));
  CHECK(write(pairs[i].slave, "out\n", 4) == 4);
  CHECK(i == 1 ? reads(pairs[i].master, "out\n", 4) : reads(pairs[i].master, "out\r\n", 5));
  const int again = open(pairs[i].name, O_RDWR | O_NOCTTY);
  CHECK(again >= 0 && write(again, "x", 1) == 1 && reads(pairs[i].master, "x", 1) && close(again) == 0);
}

int main(void) {
  int gap, more, path, directory;
  struct stat named, node;
  make(0);
  CHECK((gap = posix_openpt(O_RDWR | O_NOCTTY)) >= 0);
  make(1), make(2);
  CHECK(close(gap) == 0);
  CHECK((path = open(pairs[2].name, O_PATH)) >= 0 && (directory = open("/dev/pts", O_RDONLY | O_DIRECTORY)) >= 0);
  ready_and_wait();
  CHECK(fstat(path, &named) == 0 && fstatat(directory, strrchr(pairs[2].name, '/') + 1, &node, 0) == 0 && named.st_ino == node.st_ino && named.st_dev == node.st_dev);
  CHECK(stat(pairs[2].name, &node) == 0 && named.st_ino == node.st_ino && named.st_dev == node.st_dev);
  for (int i = 0; i != PAIRS; i++) verify(i);
  CHECK((more = posix_openpt(O_RDWR | O_NOCTTY)) >= 0);
  for (int i = 0; i != PAIRS; i++) CHECK(strcmp(ptsname(more), pairs[i].name) != 0);
  return pass();
}
