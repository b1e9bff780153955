/* Pseudo-terminals: the controlling terminal of a session with a foreground and a background group; /dev/tty, keys that make signals, hang-up. */
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "stasis_test.h"

static int interrupted[2];
static void tell(int signal) { CHECK(signal == SIGINT && write(interrupted[1], "i", 1) == 1); }

/* In the foreground group: waits for an interrupt from the keyboard. */
static void foreground(void) {
  CHECK(pipe(interrupted) == 0 && signal(SIGINT, tell) != SIG_ERR);
  CHECK(setpgid(0, 0) == 0);
  CHECK(write(1, "f", 1) == 1);
  wait_for_event(interrupted[0]);
  _exit(7);
}

/* The session's leader, in the background when it is restarted. */
static void leader(int go) {
  struct stat terminal, own;
  int status, tty;
  char name[64], line[64];
  CHECK(getsid(0) == getpid() && isatty(0) && fstat(0, &terminal) == 0 && ttyname_r(0, name, sizeof name) == 0);
  CHECK((tty = open("/dev/tty", O_RDWR | O_CLOEXEC)) >= 0);
  signal(SIGTTOU, SIG_IGN);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) foreground();
  while (tcsetpgrp(0, child) != 0) CHECK(errno == EPERM || errno == ESRCH);
  signal_event(1);
  wait_for_event(go);
  char found[64];
  CHECK(ttyname_r(0, found, sizeof found) == 0 && strcmp(found, name) == 0);
  CHECK(tcgetsid(0) == getpid() && tcgetpgrp(0) == child && tcgetpgrp(tty) == child && getpgrp() != child);
  CHECK(fstat(0, &own) == 0 && own.st_rdev == terminal.st_rdev);
  CHECK(fstat(tty, &own) == 0 && own.st_rdev == makedev(5, 0) && isatty(tty));
  CHECK(read(0, line, 1) == -1 && errno == EIO); /* the background of nobody in the session */
  const int again = open("/dev/tty", O_RDWR);
  CHECK(again >= 0 && tcgetpgrp(again) == child);
  signal_event(1);
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
  CHECK(tcsetpgrp(tty, getpgrp()) == 0 && read(tty, line, sizeof line) == 6 && memcmp(line, "typed\n", 6) == 0);
  signal_event(1);
  pause(); /* the hang-up ends it */
}

int main(void) {
  int master, go[2];
  char line[64];
  CHECK(pipe(go) == 0);
  const pid_t child = forkpty(&master, NULL, NULL, NULL);
  CHECK(child >= 0);
  if (child == 0) leader(go[0]);
  struct termios modes;
  CHECK(tcgetattr(master, &modes) == 0);
  modes.c_lflag &= ~(tcflag_t)ECHO;
  CHECK(tcsetattr(master, TCSANOW, &modes) == 0);
  CHECK(read(master, line, 1) == 1 && read(master, line, 1) == 1);
  ready_and_wait();
  pid_t session = 0;
  CHECK(ioctl(master, TIOCGSID, &session) == 0 && session == child);
  signal_event(go[1]);
  CHECK(read(master, line, 1) == 1 && line[0] == 'e');
  CHECK(write(master, "\003typed\n", 7) == 7);
  CHECK(read(master, line, 1) == 1 && line[0] == 'e' && close(master) == 0);
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
  return pass();
}
