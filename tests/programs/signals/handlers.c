/* Every signal's action comes back: handler, flags, mask, default or ignored. */
#include "stasis_test.h"

static volatile sig_atomic_t count;
static void on_signal(int signal) { (void)signal, count++; }
static void on_info(int signal, siginfo_t *info, void *context) {
  (void)context;
  if (info->si_signo == signal && info->si_pid == getpid()) count += 10;
}

int main(void) {
  struct sigaction plain = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, seen;
  struct sigaction info = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO | SA_NODEFER};
  struct sigaction once = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaddset(&plain.sa_mask, SIGTERM);
  sigaddset(&plain.sa_mask, SIGRTMIN + 5);
  CHECK(sigaction(SIGUSR1, &plain, NULL) == 0 && sigaction(SIGUSR2, &info, NULL) == 0);
  CHECK(sigaction(SIGALRM, &once, NULL) == 0 && sigaction(SIGHUP, &ignore, NULL) == 0);
  CHECK(sigaction(SIGRTMIN + 2, &info, NULL) == 0);

  ready_and_wait();

  CHECK(sigaction(SIGUSR1, NULL, &seen) == 0 && seen.sa_handler == on_signal && (seen.sa_flags & SA_RESTART));
  for (int i = 1; i < 62; i++)
    if (i != 32 && i != 33) CHECK(sigismember(&seen.sa_mask, i) == (i == SIGTERM || i == SIGRTMIN + 5));
  CHECK(sigaction(SIGUSR2, NULL, &seen) == 0 && seen.sa_sigaction == on_info && (seen.sa_flags & SA_NODEFER));
  CHECK(sigaction(SIGALRM, NULL, &seen) == 0 && ((unsigned)seen.sa_flags & SA_RESETHAND));
  CHECK(sigaction(SIGHUP, NULL, &seen) == 0 && seen.sa_handler == SIG_IGN);
  CHECK(sigaction(SIGTERM, NULL, &seen) == 0 && seen.sa_handler == SIG_DFL);
  raise(SIGUSR1), raise(SIGHUP), raise(SIGALRM);
  CHECK(count == 2);
  kill(getpid(), SIGUSR2);
  CHECK(count == 12);
  CHECK(sigaction(SIGALRM, NULL, &seen) == 0 && seen.sa_handler == SIG_DFL);
  return pass();
}
