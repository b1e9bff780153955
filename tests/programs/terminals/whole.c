/* Writes of more than a pseudo-terminal takes, to its slave and to its master, return once, when everything is written; a read that waits for a number of characters (VMIN) returns with so many. */
#include <pthread.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "stasis_test.h"

enum { kBytes = 100000, kLeast = 50 /* the kernel reads 64 at a time */, kFirst = 20 };
static char bytes[kBytes], got[kBytes];
static int masters[3], slaves[3], up[2];
static pid_t tids[3];

static void *worker(void *which) {
  const long w = (long)which;
  char small[kLeast + 50];
  tids[w] = (pid_t)syscall(SYS_gettid);
  signal_event(up[1]);
  switch (w) {
    case 0: CHECK(write(slaves[0], bytes, kBytes) == kBytes); break;
    case 1: CHECK(write(masters[1], bytes, kBytes) == kBytes); break;
    case 2: CHECK(read(slaves[2], small, sizeof small) == kLeast && memcmp(small, bytes, kLeast) == 0); break;
  }
  return NULL;
}

static void drain(int fd) {
  for (size_t have = 0; have < kBytes;) {
    const ssize_t n = read(fd, got + have, kBytes - have);
    CHECK(n > 0);
    have += (size_t)n;
  }
  CHECK(memcmp(got, bytes, kBytes) == 0);
}

int main(void) {
  pthread_t threads[3];
  struct termios modes;
  int inside = 0;
  fill(bytes, kBytes, 1);
  CHECK(pipe(up) == 0);
  for (long i = 0; i < 3; i++) {
    CHECK((masters[i] = posix_openpt(O_RDWR | O_NOCTTY)) >= 0 && grantpt(masters[i]) == 0 && unlockpt(masters[i]) == 0);
    CHECK((slaves[i] = open(ptsname(masters[i]), O_RDWR | O_NOCTTY)) >= 0 && tcgetattr(slaves[i], &modes) == 0);
    cfmakeraw(&modes);
    modes.c_cc[VMIN] = i == 2 ? kLeast : 1;
    CHECK(tcsetattr(slaves[i], TCSANOW, &modes) == 0);
    CHECK(pthread_create(&threads[i], NULL, worker, (void *)i) == 0);
    wait_for_event(up[0]);
  }
  CHECK(write(masters[2], bytes, kFirst) == kFirst);
  do CHECK(ioctl(slaves[2], FIONREAD, &inside) == 0);
  while (inside != 0);
  until_blocked_in(tids[0], SYS_write), until_blocked_in(tids[1], SYS_write), until_blocked_in(tids[2], SYS_read);

  ready_and_wait();

  drain(masters[0]);
  drain(slaves[1]);
  CHECK(write(masters[2], bytes + kFirst, kLeast - kFirst) == kLeast - kFirst);
  for (int i = 0; i < 3; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  return pass();
}
