/* Sessions and process groups come back: a session of its own, groups of several, and a group whose leader has ended. */
#include "stasis_test.h"

static int go[2], ready[2];

static void member(void) {
  const pid_t self = getpid(), group = getpgrp(), session = getsid(0);
  signal_event(ready[1]);
  wait_for_event(go[0]);
  CHECK(getpid() == self && getpgrp() == group && getsid(0) == session);
  _exit(0);
}
static pid_t start(pid_t group, int new_session) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (new_session) {
      CHECK(setsid() == getpid());
      if (fork() == 0) {
        CHECK(setpgid(0, 0) == 0);
        member();
      }
    }
    if (!new_session) CHECK(setpgid(0, group) == 0);
    member();
  }
  if (!new_session) CHECK(setpgid(child, group) == 0);
  return child;
}

int main(void) {
  CHECK(pipe(go) == 0 && pipe(ready) == 0);
  const pid_t leader = start(0, 0), second = start(leader, 0);
  const pid_t short_lived = fork();
  if (short_lived == 0) {
    for (;;) pause();
  }
  CHECK(setpgid(short_lived, 0) == 0);
  const pid_t bereft = start(short_lived, 0);
  CHECK(kill(short_lived, SIGKILL) == 0 && waitpid(short_lived, NULL, 0) == short_lived);
  const pid_t apart = start(0, 1);
  for (int i = 0; i < 5; i++) wait_for_event(ready[0]);

  ready_and_wait();

  CHECK(getpgid(leader) == leader && getpgid(second) == leader);
  CHECK(getpgid(bereft) == short_lived && getsid(bereft) == getsid(0));
  CHECK(getsid(apart) == apart && getpgid(apart) == apart);
  for (int i = 0; i < 5; i++) signal_event(go[1]);
  const pid_t children[] = {leader, second, bereft, apart};
  for (int i = 0; i < 4; i++) {
    int status;
    CHECK(waitpid(children[i], &status, 0) == children[i] && status == 0);
  }
  return pass();
}
