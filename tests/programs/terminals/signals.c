/* Pseudo-terminals: one that sends SIGIO for its master, watched by an epoll set; one that only is a session's terminal, no descriptor of it is open. */
#include <poll.h>
#include <pty.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "terminal_test.h"

static volatile sig_atomic_t signals;
static void count(int signal) { signals += signal == SIGIO; }

int main(void) {
  int master, slave, other, status;
  char byte;
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 42};
  sigset_t none, some;
  CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0 && signal(SIGIO, count) != SIG_ERR);
  CHECK(fcntl(master, F_SETOWN, getpid()) == 0 && fcntl(master, F_SETFL, O_RDWR | O_ASYNC) == 0);
  CHECK(sigemptyset(&none) == 0 && sigemptyset(&some) == 0 && sigaddset(&some, SIGIO) == 0 && sigprocmask(SIG_BLOCK, &some, NULL) == 0);
  const int set = epoll_create1(EPOLL_CLOEXEC);
  CHECK(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, master, &event) == 0);
  const pid_t child = forkpty(&other, NULL, NULL, NULL);
  CHECK(child >= 0);
  if (child == 0) {
    CHECK(write(1, "r", 1) == 1);
    close(master), close(slave), close(set), close(0), close(1), close(2);
    for (;;) pause(); /* until the hang-up */
  }
  CHECK(reads(other, "r", 1) && poll(&(struct pollfd){other, POLLIN, 0}, 1, -1) == 1);
  CHECK(read(other, &byte, 1) == -1 && errno == EIO);
  ready_and_wait();
  CHECK(sigpending(&some) == 0 && sigismember(&some, SIGIO) == 0 && epoll_wait(set, &event, 1, 0) == 0);
  CHECK(fcntl(master, F_GETFL) & O_ASYNC && fcntl(master, F_GETOWN) == getpid());
  CHECK(write(slave, "x", 1) == 1 && epoll_wait(set, &event, 1, -1) == 1 && event.data.u64 == 42);
  CHECK(ppoll(NULL, 0, NULL, &none) == -1 && errno == EINTR && signals == 1);
  pid_t session = 0;
  CHECK(ioctl(other, TIOCGSID, &session) == 0 && session == child && tcgetpgrp(other) == child);
  CHECK(read(other, &byte, 1) == -1 && errno == EIO);
  CHECK(close(other) == 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
  return pass();
}
