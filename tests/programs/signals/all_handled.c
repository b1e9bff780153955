/* A handler for every signal that can have one, on an alternate stack, all real-time signals queued with values, and faults that the program handles itself (SIGSEGV, SIGBUS, SIGFPE, SIGILL):
 * each signal arrives once and with its value. */
#include <setjmp.h>
#include <sys/mman.h>

#include "stasis_test.h"

static volatile sig_atomic_t counts[65], values[65];
static sigjmp_buf back;
static void *fault_at;
static void on_any(int signal, siginfo_t *info, void *context) {
  (void)context;
  counts[signal]++;
  values[signal] = info->si_value.sival_int;
}
static void on_fault(int signal, siginfo_t *info, void *context) {
  (void)context;
  fault_at = info->si_addr;
  counts[signal]++;
  siglongjmp(back, 1);
}
static int is_ours(int signal) { return signal == 32 || signal == 33 || signal == 62 || signal == SIGKILL || signal == SIGSTOP; }
static int is_fault(int signal) { return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL; }

static void fault(char *hole, char *empty) {
  static volatile int zero, seven = 7; /* of one the compiler makes no division */
  if (sigsetjmp(back, 1) == 0) hole[8] = 1;
  CHECK(counts[SIGSEGV] == 1 && fault_at == hole + 8);
  if (sigsetjmp(back, 1) == 0) empty[0] = 1;
  CHECK(counts[SIGBUS] == 1 && fault_at == empty);
  if (sigsetjmp(back, 1) == 0) zero = seven / zero;
  if (sigsetjmp(back, 1) == 0) __asm__ volatile("ud2");
  CHECK(counts[SIGFPE] == 1 && counts[SIGILL] == 1);
  counts[SIGSEGV] = counts[SIGBUS] = counts[SIGFPE] = counts[SIGILL] = 0;
}

int main(void) {
  static char stack[65536];
  struct sigaction any = {.sa_sigaction = on_any, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART}, faults = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
  sigset_t all;
  CHECK(sigfillset(&any.sa_mask) == 0); /* else all their frames are on the stack at once */
  CHECK(sigaltstack(&other, NULL) == 0);
  for (int signal = 1; signal <= 64; signal++)
    if (!is_ours(signal)) CHECK(sigaction(signal, is_fault(signal) ? &faults : &any, NULL) == 0);
  char *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int file = open("empty", O_RDWR | O_CREAT, 0600);
  char *empty = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  CHECK(hole != MAP_FAILED && empty != MAP_FAILED);
  fault(hole, empty);
  sigfillset(&all);
  CHECK(sigprocmask(SIG_BLOCK, &all, NULL) == 0);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++)
    if (!is_ours(signal)) CHECK(sigqueue(getpid(), signal, (union sigval){.sival_int = 1000 + signal}) == 0);

  ready_and_wait();

  CHECK(sigprocmask(SIG_UNBLOCK, &all, NULL) == 0);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++)
    if (!is_ours(signal)) CHECK(counts[signal] == 1 && values[signal] == 1000 + signal);
  fault(hole, empty);
  for (int signal = 1; signal <= 64; signal++) {
    if (is_ours(signal) || is_fault(signal)) continue;
    const int before = counts[signal];
    CHECK(kill(getpid(), signal) == 0 && counts[signal] == before + 1);
  }
  return pass();
}
