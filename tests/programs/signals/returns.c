/* The way back from handlers: registers of the code that they interrupted, altered registers, a nested handler, an alternate stack of the smallest size, actions for once; a handler's backtrace, and a thread that ends in a handler
 * and runs the clean-up of what it interrupted. */
#include <execinfo.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

#include "stasis_test.h"

enum { kFewestFrames = 6 }; /* the handler, its frame, what raise() consists of, verify(), main() and what called that */
static volatile sig_atomic_t came, nested, cleaned, seen;
static volatile int over;

static void set(int signal, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags}, now;
  CHECK(sigaction(signal, &action, NULL) == 0 && sigaction(signal, NULL, &now) == 0);
  CHECK(now.sa_sigaction == handler && (now.sa_flags & (SA_SIGINFO | SA_RESTART | SA_ONSTACK | SA_NODEFER)) == action.sa_flags);
}

static void on_tick(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info, (void)context;
  came++;
}

/* Every register that no one but a handler could change, over and over. */
static void keep_registers(void) {
  const struct timespec often = {0, 200000};
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  const int from = came;
  set(SIGUSR1, on_tick, SA_RESTART);
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  CHECK(timer_settime(timer, 0, &(struct itimerspec){often, often}, NULL) == 0);
  while (came - from < 100) {
    unsigned long bad;
    __asm__ volatile(
        "mov $0x1111, %%rcx\n mov $0x2222, %%r11\n mov $0x3333, %%r10\n movq %%rcx, %%xmm9\n mov $2000, %%rax\n"
        "1: dec %%rax\n jnz 1b\n"
        "movq %%xmm9, %%rdx\n xor $0x1111, %%rdx\n xor $0x1111, %%rcx\n or %%rcx, %%rdx\n xor $0x2222, %%r11\n or %%r11, %%rdx\n xor $0x3333, %%r10\n or %%r10, %%rdx\n"
        : "=&d"(bad)
        :
        : "rax", "rcx", "r10", "r11", "xmm9", "cc");
    CHECK(bad == 0);
  }
  CHECK(timer_delete(timer) == 0);
}

static void on_inner(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info, (void)context;
  nested++;
}
static void on_once(int signal) {
  (void)signal;
  nested++;
}
static void on_outer(int signal, siginfo_t *info, void *context) {
  void *frames[32];
  (void)signal, (void)info, (void)context;
  CHECK(raise(SIGUSR1) == 0 && nested == 1);
  seen = backtrace(frames, 32);
}

static void on_step(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2; /* past ud2 */
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = 77;
}

static void clean(void *unused) {
  (void)unused;
  cleaned++;
}
static void on_end(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info, (void)context;
  pthread_exit((void *)5);
}
static void *end_in_handler(void *up) {
  pthread_cleanup_push(clean, NULL);
  signal_event(*(int *)up);
  while (!over) {
  }
  pthread_cleanup_pop(0);
  return NULL;
}
static void *end_in_call(void *up) {
  pthread_cleanup_push(clean, NULL);
  signal_event(*(int *)up);
  for (;;) pause();
  pthread_cleanup_pop(0);
  return NULL;
}

static void end(void *(*how)(void *)) {
  pthread_t thread;
  void *result;
  int up[2];
  const int before = cleaned;
  CHECK(pipe(up) == 0 && pthread_create(&thread, NULL, how, &up[1]) == 0);
  wait_for_event(up[0]);
  CHECK(pthread_kill(thread, SIGTERM) == 0 && pthread_join(thread, &result) == 0 && result == (void *)5 && cleaned == before + 1);
  CHECK(close(up[0]) == 0 && close(up[1]) == 0);
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* siginterrupt, which programs use nevertheless */
static void verify(void) {
  long result;
  struct sigaction now;
  keep_registers();
  nested = 0;
  set(SIGUSR1, on_inner, 0);
  CHECK(raise(SIGUSR2) == 0 && seen >= kFewestFrames && nested == 1);
  __asm__ volatile("ud2" : "=a"(result));
  CHECK(result == 77);
  end(end_in_handler);
  end(end_in_call);
  CHECK(signal(SIGHUP, SIG_DFL) == SIG_DFL && sysv_signal(SIGHUP, on_once) == SIG_DFL);
  CHECK(raise(SIGHUP) == 0 && nested == 2 && sigaction(SIGHUP, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
  CHECK(siginterrupt(SIGUSR1, 0) == 0 && sigaction(SIGUSR1, NULL, &now) == 0 && (now.sa_flags & SA_RESTART) != 0 && raise(SIGUSR1) == 0 && nested == 3);
}

int main(void) {
  void *frames[4];
  const size_t smallest = getauxval(AT_MINSIGSTKSZ) + 16384; /* of which backtrace() takes the most */
  const stack_t stack = {.ss_sp = mmap(NULL, smallest, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), .ss_size = smallest};
  CHECK(stack.ss_sp != MAP_FAILED && sigaltstack(&stack, NULL) == 0 && backtrace(frames, 4) > 0); /* the first one loads a library */
  set(SIGUSR2, on_outer, SA_ONSTACK);
  set(SIGILL, on_step, SA_RESTART | SA_ONSTACK);
  set(SIGTERM, on_end, 0);
  verify();

  ready_and_wait();

  verify();
  return pass();
}
