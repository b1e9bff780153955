/* Children by vfork, posix_spawn and system are running programs of their own at the checkpoint; and the same ways work afterwards. */
#include <spawn.h>

#include "stasis_test.h"

extern char **environ;
static char go[] = "go", ready[] = "ready";

static int be_child(void) {
  const pid_t self = getpid(), parent = getppid();
  const int in = open(go, O_RDWR), out = open(ready, O_RDWR);
  CHECK(in >= 0 && out >= 0);
  signal_event(out);
  wait_for_event(in);
  CHECK(getpid() == self && getppid() == parent);
  return 23;
}
static void check_end(pid_t child) {
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 23);
}

int main(int argc, char **argv) {
  char *arguments[] = {argv[0], "child", NULL};
  if (argc > 1) return be_child();
  CHECK(access(go, F_OK) == 0 || system("mkfifo go ready") == 0);
  const int out = open(go, O_RDWR | O_CLOEXEC), in = open(ready, O_RDWR | O_CLOEXEC);
  pid_t children[2];
  for (int round = 0; round < 2; round++) {
    const pid_t child = vfork();
    if (child == 0) {
      execv(argv[0], arguments);
      _exit(127);
    }
    children[0] = child;
    CHECK(posix_spawn(&children[1], argv[0], NULL, NULL, arguments, environ) == 0);
    wait_for_event(in);
    wait_for_event(in);
    if (round == 0) ready_and_wait();
    signal_event(out);
    signal_event(out);
    check_end(children[0]);
    check_end(children[1]);
  }
  CHECK(WEXITSTATUS(system("exit 9")) == 9);
  return pass();
}
