/* A signal that waits carries who sent it: process id, user and value are what the receiver sees afterwards. */
#include "stasis_test.h"

static siginfo_t seen[2];
static volatile sig_atomic_t count;
static void on_signal(int signal, siginfo_t *info, void *frame) {
  (void)signal, (void)frame;
  seen[count++] = *info;
}

int main(void) {
  sigset_t mask, none;
  const struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  int status;
  CHECK(sigaction(SIGRTMIN + 5, &action, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
  sigemptyset(&mask);
  sigemptyset(&none);
  sigaddset(&mask, SIGRTMIN + 5);
  sigaddset(&mask, SIGUSR1);
  CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const union sigval value = {.sival_int = 4711};
    CHECK(sigqueue(getppid(), SIGRTMIN + 5, value) == 0 && kill(getppid(), SIGUSR1) == 0);
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);

  ready_and_wait();

  CHECK(count == 0 && sigprocmask(SIG_SETMASK, &none, NULL) == 0 && count == 2);
  for (int i = 0; i < 2; i++) CHECK(seen[i].si_pid == child && seen[i].si_uid == getuid());
  const siginfo_t *queued = seen[0].si_signo == SIGUSR1 ? &seen[1] : &seen[0];
  CHECK(queued->si_signo == SIGRTMIN + 5 && queued->si_code == SI_QUEUE && queued->si_value.sival_int == 4711);
  return pass();
}
