/* A handler that runs on an alternate stack when the checkpoint comes goes on there, and the next signal is handled there too. */
#include <stdint.h>

#include "stasis_test.h"

static char *stack;
static size_t size;
static volatile sig_atomic_t handled;

static int is_on_stack(const void *local) { return (uintptr_t)local >= (uintptr_t)stack && (uintptr_t)local < (uintptr_t)stack + size; }
static void on_first(int signal) {
  char local[100];
  stack_t now;
  (void)signal;
  fill(local, sizeof local, 6);
  CHECK(is_on_stack(local));
  ready_and_wait();
  CHECK(is_filled(local, sizeof local, 6) && sigaltstack(NULL, &now) == 0);
  CHECK(now.ss_sp == stack && now.ss_size == size && (now.ss_flags & SS_ONSTACK) != 0);
  handled++;
}
static void on_second(int signal) {
  char local;
  (void)signal;
  CHECK(is_on_stack(&local));
  handled++;
}

int main(void) {
  size = 1 << 16;
  stack = malloc(size);
  const stack_t alternate = {.ss_sp = stack, .ss_size = size};
  stack_t now;
  const struct sigaction first = {.sa_handler = on_first, .sa_flags = SA_ONSTACK}, second = {.sa_handler = on_second, .sa_flags = SA_ONSTACK};
  CHECK(stack != NULL && sigaltstack(&alternate, NULL) == 0);
  CHECK(sigaction(SIGUSR1, &first, NULL) == 0 && sigaction(SIGUSR2, &second, NULL) == 0);
  CHECK(raise(SIGUSR1) == 0 && handled == 1);
  CHECK(sigaltstack(NULL, &now) == 0 && now.ss_sp == stack && now.ss_size == size && now.ss_flags == 0);
  CHECK(raise(SIGUSR2) == 0 && handled == 2);
  return pass();
}
