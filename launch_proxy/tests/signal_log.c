// In the place of srun: prints each signal that it gets, waiting for them as srun does, until SIGURG.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  for (int signal; sigwait(&all, &signal) == 0 && signal != SIGURG;) printf("%s\n", sigabbrev_np(signal));
  puts("end");
  return 0;
}
