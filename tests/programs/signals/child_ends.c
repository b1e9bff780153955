/* SIGCHLD comes for a child that ends afterwards, with its id and status; a process that ignores SIGCHLD still makes no zombies. */
#include "stasis_test.h"

static volatile sig_atomic_t came;
static siginfo_t seen;
static void on_child(int signal, siginfo_t *info, void *frame) {
  (void)signal, (void)frame;
  seen = *info;
  came = 1;
}

int main(void) {
  int go[2], up[2], status;
  sigset_t mask, none;
  const struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_NOCLDSTOP | SA_RESTART};
  CHECK(pipe(go) == 0 && pipe(up) == 0);
  const pid_t careless = fork();
  if (careless == 0) {
    CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    signal_event(up[1]);
    wait_for_event(go[0]);
    const pid_t child = fork();
    if (child == 0) _exit(1);
    CHECK(waitpid(child, &status, 0) == -1 && errno == ECHILD);
    _exit(21);
  }
  CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
  sigemptyset(&none);
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
  wait_for_event(up[0]);

  ready_and_wait();

  signal_event(go[1]);
  while (!came) sigsuspend(&none);
  CHECK(seen.si_pid == careless && seen.si_code == CLD_EXITED && seen.si_status == 21);
  CHECK(waitpid(careless, &status, 0) == careless && WEXITSTATUS(status) == 21);
  return pass();
}
