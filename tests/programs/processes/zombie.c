/* Children that have ended and were not waited for keep their ids and statuses: an exit, a signal and one stopped by nobody. */
#include <sys/resource.h>

#include "stasis_test.h"

static pid_t ended(int status, int signal) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    if (signal) kill(getpid(), signal);
    _exit(status);
  }
  siginfo_t info;
  CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) == 0);
  return child;
}

int main(void) {
  const pid_t a = ended(0, 0), b = ended(42, 0), c = ended(0, SIGTERM);

  ready_and_wait();

  int status;
  CHECK(kill(b, 0) == 0);
  CHECK(waitpid(c, &status, 0) == c && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  CHECK(waitpid(a, &status, 0) == a && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(waitpid(-1, &status, WNOHANG) == b && WIFEXITED(status) && WEXITSTATUS(status) == 42);
  CHECK(waitpid(-1, &status, WNOHANG) == -1 && errno == ECHILD);
  return pass();
}
