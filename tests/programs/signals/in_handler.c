/* The checkpoint comes while the program is in a handler on its alternate stack, below an interrupted computation. */
#include "stasis_test.h"

static char stack[1 << 16];
static volatile int on_alternate;

static void on_signal(int signal) {
  char here[2000];
  (void)signal;
  on_alternate = &here[0] >= &stack[0] && &here[0] < &stack[sizeof stack];
  fill(here, sizeof here, 4);
  ready_and_wait();
  CHECK(is_filled(here, sizeof here, 4));
  stack_t now;
  CHECK(sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_ONSTACK));
}

int main(void) {
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack}, now;
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
  CHECK(sigaltstack(&alternate, NULL) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
  double sum = 0;
  for (int i = 0; i < 100; i++) {
    if (i == 50) raise(SIGUSR1);
    sum += i * 0.5;
  }
  CHECK(sum == 2475 && on_alternate);
  CHECK(sigaltstack(NULL, &now) == 0 && now.ss_sp == (void *)stack && now.ss_flags == 0);
  return pass();
}
