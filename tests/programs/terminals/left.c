/* Pseudo-terminals: of a session's processes one has given its terminal up, one was there before its leader took it, the others have it. */
#include <pty.h>
#include <sys/ioctl.h>

#include "terminal_test.h"

enum { NEVER, LEFT, KEPT, CHILDREN };
static int up[2], go[2], ready[2];

static void child_of(int how) {
  if (how == LEFT) CHECK(ioctl(0, TIOCNOTTY) == 0);
  signal_event(up[1]);
  wait_for_event(go[0]);
  const int tty = open("/dev/tty", O_RDWR);
  CHECK(how == KEPT ? tty >= 0 && tcgetsid(tty) == getppid() : tty == -1 && errno == ENXIO);
  _exit(0);
}

int main(void) {
  int master, slave, status;
  CHECK(pipe(up) == 0 && pipe(go) == 0 && pipe(ready) == 0 && openpty(&master, &slave, NULL, NULL, NULL) == 0);
  const pid_t leader = fork();
  CHECK(leader >= 0);
  if (leader == 0) {
    CHECK(setsid() == getpid() && dup2(slave, 0) == 0);
    for (int how = NEVER; how != CHILDREN; how++) {
      if (fork() == 0) child_of(how);
      wait_for_event(up[0]);
      if (how == NEVER) CHECK(ioctl(0, TIOCSCTTY, 0) == 0);
    }
    signal_event(ready[1]);
    for (int how = NEVER; how != CHILDREN; how++) CHECK(wait(&status) > 0 && status == 0);
    _exit(0);
  }
  wait_for_event(ready[0]);
  ready_and_wait();
  for (int how = NEVER; how != CHILDREN; how++) signal_event(go[1]);
  CHECK(waitpid(leader, &status, 0) == leader && status == 0);
  return pass();
}
