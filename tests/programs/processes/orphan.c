/* A process whose parent has ended belongs to the computation and goes on, with a parent that is not its old one. */
#include "stasis_test.h"

int main(void) {
  int go[2], back[2];
  pid_t orphan;
  CHECK(pipe(go) == 0 && pipe(back) == 0);
  const pid_t middle = fork();
  CHECK(middle >= 0);
  if (middle == 0) {
    if (fork() != 0) _exit(3);
    const pid_t self = getpid();
    CHECK(write(back[1], &self, sizeof self) == sizeof self);
    wait_for_event(go[0]);
    CHECK(getpid() == self);
    signal_event(back[1]);
    _exit(0);
  }
  int status;
  CHECK(waitpid(middle, &status, 0) == middle && WEXITSTATUS(status) == 3);
  CHECK(read(back[0], &orphan, sizeof orphan) == sizeof orphan);

  ready_and_wait();

  CHECK(kill(orphan, 0) == 0);
  CHECK(waitpid(-1, &status, WNOHANG) == -1 && errno == ECHILD);
  signal_event(go[1]);
  wait_for_event(back[0]);
  return pass();
}
