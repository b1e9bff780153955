/* A child by vfork became another program and has ended; its status is there, and vfork works afterwards. */
#include "stasis_test.h"

int main(int argc, char **argv) {
  int status;
  if (argc == 2) _exit(atoi(argv[1]));
  const pid_t before = vfork();
  if (before == 0) {
    execl("/proc/self/exe", argv[0], "17", (char *)NULL);
    _exit(99);
  }
  siginfo_t info;
  CHECK(before > 0 && waitid(P_PID, (id_t)before, &info, WEXITED | WNOWAIT) == 0); /* a zombie at the checkpoint */

  ready_and_wait();

  CHECK(waitpid(before, &status, 0) == before && WIFEXITED(status) && WEXITSTATUS(status) == 17);
  const pid_t after = vfork();
  if (after == 0) {
    execl("/proc/self/exe", argv[0], "18", (char *)NULL);
    _exit(99);
  }
  CHECK(waitpid(after, &status, 0) == after && WIFEXITED(status) && WEXITSTATUS(status) == 18);
  return pass();
}
