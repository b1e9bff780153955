/* A process that asked for a signal at its parent's death gets it when the parent dies afterwards, not before; then the subreaper above is its parent. */
#include <sys/prctl.h>

#include "stasis_test.h"

int main(void) {
  int up[2], go[2], told[2], wake[2], status;
  sigset_t mask;
  siginfo_t info;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR2);
  CHECK(pipe(up) == 0 && pipe(go) == 0 && pipe(told) == 0 && pipe(wake) == 0 && sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
  CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  const pid_t top = getpid(), parent = fork();
  if (parent == 0) {
    if (fork() == 0) {
      CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR2) == 0 && getppid() != top);
      pid_t me = getpid();
      CHECK(write(up[1], &me, sizeof me) == sizeof me);
      wait_for_event(wake[0]);
      CHECK(sigtimedwait(&mask, &info, &(struct timespec){0, 0}) == SIGUSR2);
      CHECK(getppid() == top);
      signal_event(told[1]);
      wait_for_event(go[0]);
      _exit(31);
    }
    wait_for_event(go[0]);
    _exit(0);
  }
  pid_t grandchild;
  CHECK(read(up[0], &grandchild, sizeof grandchild) == sizeof grandchild);
  /* An orphan from before, which has us as its parent. */
  const pid_t middle = fork();
  if (middle == 0) {
    const pid_t orphan = fork();
    if (orphan == 0) {
      while (getppid() != top) continue;
      pid_t me = getpid();
      CHECK(write(up[1], &me, sizeof me) == sizeof me);
      char byte;
      CHECK(read(told[0], &byte, 1) == 1);
      _exit(32);
    }
    _exit(0);
  }
  pid_t orphan;
  CHECK(waitpid(middle, &status, 0) == middle && read(up[0], &orphan, sizeof orphan) == sizeof orphan);

  ready_and_wait();

  CHECK(waitpid(-1, &status, WNOHANG) == 0);
  signal_event(told[1]);
  CHECK(waitpid(orphan, &status, 0) == orphan && WEXITSTATUS(status) == 32);
  signal_event(go[1]);
  CHECK(waitpid(parent, &status, 0) == parent && status == 0);
  signal_event(wake[1]);
  wait_for_event(told[0]);
  signal_event(go[1]);
  CHECK(waitpid(grandchild, &status, 0) == grandchild && WEXITSTATUS(status) == 31);
  return pass();
}
