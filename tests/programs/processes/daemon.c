/* A daemon, forked twice with a session of its own, in the root directory and without standard descriptors, goes on serving. */
#include <sys/stat.h>

#include "stasis_test.h"

int main(void) {
  int request[2], answer[2], status;
  pid_t daemon, seen[2];
  CHECK(pipe(request) == 0 && pipe(answer) == 0);
  const pid_t middle = fork();
  if (middle == 0) {
    CHECK(setsid() == getpid());
    const pid_t session = getpid();
    if (fork() != 0) _exit(0);
    CHECK(chdir("/") == 0 && close(0) == 0 && umask(0) != (mode_t)-1);
    signal_event(answer[1]);
    wait_for_event(request[0]);
    char where[10];
    CHECK(getcwd(where, sizeof where) != NULL && strcmp(where, "/") == 0 && getsid(0) == session && getpgrp() == session);
    CHECK(fcntl(0, F_GETFD) == -1 && getppid() != session && umask(0) == 0);
    const pid_t ids[2] = {getpid(), session};
    CHECK(write(answer[1], ids, sizeof ids) == sizeof ids);
    wait_for_event(request[0]);
    _exit(0);
  }
  CHECK(waitpid(middle, &status, 0) == middle && status == 0);
  wait_for_event(answer[0]);

  ready_and_wait();

  signal_event(request[1]);
  CHECK(read(answer[0], seen, sizeof seen) == sizeof seen && seen[1] == middle);
  daemon = seen[0];
  CHECK(kill(daemon, 0) == 0 && getsid(daemon) == middle && getpgid(daemon) == middle);
  CHECK(waitpid(daemon, &status, 0) == -1 && errno == ECHILD);
  signal_event(request[1]);
  return pass();
}
