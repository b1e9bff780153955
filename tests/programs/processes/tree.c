/* A tree of processes, three deep and three wide: each keeps its ids and its children, whose statuses reach their parents. */
#include "stasis_test.h"

static int go[2], ready[2];

static int expected(int depth, int number) { return 1 + depth * 10 + number; }

static void grow(int depth) {
  pid_t children[3];
  const pid_t self = getpid(), parent = getppid(), group = getpgrp(), session = getsid(0);
  for (int i = 0; i < 3 && depth > 0; i++) {
    children[i] = fork();
    CHECK(children[i] >= 0);
    if (children[i] == 0) {
      grow(depth - 1);
      if (i == 2) raise(SIGKILL);
      _exit(expected(depth, i));
    }
  }
  if (depth == 3)
    for (int i = 0; i < 3 + 9 + 27; i++) wait_for_event(ready[0]);
  else
    signal_event(ready[1]);
  if (depth == 3) {
    ready_and_wait();
    for (int i = 0; i < 3 + 9 + 27; i++) signal_event(go[1]);
  } else {
    wait_for_event(go[0]);
  }
  CHECK(getpid() == self && getpgrp() == group && getsid(0) == session);
  if (depth < 3) CHECK(getppid() == parent);
  for (int i = 0; i < 3 && depth > 0; i++) {
    int status;
    CHECK(waitpid(children[i], &status, 0) == children[i]);
    if (i == 2)
      CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    else
      CHECK(WIFEXITED(status) && WEXITSTATUS(status) == expected(depth, i));
  }
}

int main(void) {
  CHECK(pipe(go) == 0 && pipe(ready) == 0);
  grow(3);
  CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
  return pass();
}
