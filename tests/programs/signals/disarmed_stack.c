/* An alternate stack that is disarmed while a handler runs on it (SS_AUTODISARM): the checkpoint comes in the handler, which may use another one meanwhile, and
 * it is armed again when the handler ends. */
#include <sys/mman.h>

#include "stasis_test.h"

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif
enum { kSize = 64 << 10 };
static char *first, *second;
static int in_handler;

static int runs_on(const char *stack) {
  const char here = 0;
  return &here >= stack && &here < stack + kSize;
}

static void nested(int signal) {
  (void)signal;
  CHECK(runs_on(second));
  in_handler++;
}

static void handler(int signal) {
  stack_t now;
  (void)signal;
  CHECK(runs_on(first) && sigaltstack(NULL, &now) == 0 && now.ss_flags == SS_DISABLE);
  CHECK(sigaltstack(&(stack_t){.ss_sp = second, .ss_size = kSize}, NULL) == 0 && raise(SIGUSR2) == 0);

  ready_and_wait();

  CHECK(runs_on(first) && sigaltstack(NULL, &now) == 0 && now.ss_sp == second && now.ss_flags == 0 && raise(SIGUSR2) == 0);
  in_handler++;
}

int main(void) {
  stack_t now;
  first = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  second = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(first != MAP_FAILED && second != MAP_FAILED);
  CHECK(sigaction(SIGUSR1, &(struct sigaction){.sa_handler = handler, .sa_flags = SA_ONSTACK}, NULL) == 0);
  CHECK(sigaction(SIGUSR2, &(struct sigaction){.sa_handler = nested, .sa_flags = SA_ONSTACK}, NULL) == 0);
  CHECK(sigaltstack(&(stack_t){.ss_sp = first, .ss_size = kSize, .ss_flags = (int)SS_AUTODISARM}, NULL) == 0);
  CHECK(raise(SIGUSR1) == 0 && in_handler == 3);
  CHECK(sigaltstack(NULL, &now) == 0 && now.ss_sp == first && now.ss_size == kSize && (unsigned)now.ss_flags == SS_AUTODISARM);
  return pass();
}
