/* A process blocked in waitpid stays blocked, and learns how its child ends afterwards: by exit or by a signal. */
#include "stasis_test.h"

static int go[2], up[2];

/* Starts a process that starts a child and waits for it; its exit status tells how the child ended. */
static pid_t start(int by_signal) {
  const pid_t parent = fork();
  if (parent != 0) return parent;
  const pid_t child = fork();
  if (child == 0) {
    signal_event(up[1]);
    wait_for_event(go[0]);
    if (by_signal) raise(SIGTERM);
    _exit(33);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  _exit(WIFSIGNALED(status) ? 100 + WTERMSIG(status) : WEXITSTATUS(status));
}

int main(void) {
  int status;
  CHECK(pipe(go) == 0 && pipe(up) == 0);
  const pid_t plain = start(0), killed = start(1);
  for (int i = 0; i < 2; i++) wait_for_event(up[0]);

  ready_and_wait();

  CHECK(waitpid(-1, &status, WNOHANG) == 0);
  for (int i = 0; i < 2; i++) signal_event(go[1]);
  CHECK(waitpid(plain, &status, 0) == plain && WIFEXITED(status) && WEXITSTATUS(status) == 33);
  CHECK(waitpid(killed, &status, 0) == killed && WIFEXITED(status) && WEXITSTATUS(status) == 100 + SIGTERM);
  CHECK(waitpid(-1, &status, 0) == -1 && errno == ECHILD);
  return pass();
}
