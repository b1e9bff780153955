/* Each thread keeps its own signal mask and alternate stack; a detached thread and one started afterwards work. */
#include <pthread.h>

#include "stasis_test.h"

static int go[2], ready[2];

static void *work(void *argument) {
  const int signal = (int)(size_t)argument;
  sigset_t mask, seen;
  stack_t stack = {.ss_sp = malloc(1 << 14), .ss_size = 1 << 14}, now;
  sigemptyset(&mask);
  sigaddset(&mask, signal);
  CHECK(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0 && sigaltstack(&stack, NULL) == 0);
  signal_event(ready[1]);
  wait_for_event(go[0]);
  CHECK(pthread_sigmask(SIG_SETMASK, NULL, &seen) == 0);
  for (int i = 1; i < 62; i++)
    if (i != 32 && i != 33) CHECK(sigismember(&seen, i) == (i == signal));
  CHECK(sigaltstack(NULL, &now) == 0 && now.ss_sp == stack.ss_sp && now.ss_size == stack.ss_size);
  signal_event(ready[1]);
  return NULL;
}

int main(void) {
  const int signals[] = {SIGUSR1, SIGTERM, SIGRTMIN + 3, SIGCHLD};
  pthread_t thread;
  CHECK(pipe(go) == 0 && pipe(ready) == 0);
  for (int i = 0; i < 4; i++) {
    CHECK(pthread_create(&thread, NULL, work, (void *)(size_t)signals[i]) == 0 && pthread_detach(thread) == 0);
    wait_for_event(ready[0]);
  }

  ready_and_wait();

  for (int i = 0; i < 4; i++) signal_event(go[1]);
  for (int i = 0; i < 4; i++) wait_for_event(ready[0]);
  CHECK(pthread_create(&thread, NULL, work, (void *)(size_t)SIGUSR2) == 0);
  wait_for_event(ready[0]);
  signal_event(go[1]);
  CHECK(pthread_join(thread, NULL) == 0);
  return pass();
}
