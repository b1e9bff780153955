/* Signals that come at any moment, so while the program stands still too, interrupt the calls that threads wait in: pause, poll, a sleep, a read, a semaphore and a write of which a part is done, each again and again. A
 * call that goes on behind the handler of the signal that was to end it would wait for ever. No signal comes twice. */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

#include "stasis_test.h"

enum { kWorkers = 6, kBytes = 300000 };
static int turns[kWorkers];
static int missed;
static __thread timer_t timer;
static __thread volatile int ends;
static int quiet[2], full[2], up[2];
static char bytes[kBytes], got[kBytes];
static sem_t never;
static volatile int *stop;

/* Where a handler has come that ends a call, and the call goes on, the timer ends it later, so that this is counted. */
static void set_timer(void) {
  const struct itimerspec soon = {{0, 200000000}, {0, 3000000}};
  CHECK(timer_settime(timer, 0, &soon, NULL) == 0);
}
static void on_signal(int signal, siginfo_t *info, void *context) {
  const greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const unsigned char *code = (const unsigned char *)registers[REG_RIP];
  (void)signal, (void)info;
  if (code[0] == 0x0f && code[1] == 0x05) ends++; /* it is about to go on */
  if (code[-2] == 0x0f && code[-1] == 0x05 && (registers[REG_RAX] == -EINTR || (registers[REG_RAX] > 0 && registers[REG_RAX] < kBytes))) ends++;
}

static void be_interrupted(int which) {
  struct timespec time = {100, 0}, left = {0, 0};
  switch (which) {
    case 0: CHECK(pause() == -1 && errno == EINTR); break;
    case 1: CHECK(poll(&(struct pollfd){quiet[0], POLLIN, 0}, 1, -1) == -1 && errno == EINTR); break;
    case 2:
      CHECK(nanosleep(&time, &left) == -1 && errno == EINTR);
      /* The kernel counts from the end of its slack, 50 us (hrtimer_nanosleep of kernel/time/hrtimer.c): so more may be left than was asked for. */
      CHECK(left.tv_sec > 0 && left.tv_sec * 1000000000 + left.tv_nsec <= 100000050000);
      break;
    case 3: CHECK(read(quiet[0], &time, 1) == -1 && errno == EINTR); break;
    case 4: CHECK(sem_wait(&never) == -1 && errno == EINTR); break;
    case 5: {
      const ssize_t n = write(full[1], bytes, kBytes);
      int inside = 0;
      CHECK(n > 0 && n < kBytes && ioctl(full[0], FIONREAD, &inside) == 0 && inside == n);
      CHECK(read(full[0], got, kBytes) == n && memcmp(got, bytes, (size_t)n) == 0);
      break;
    }
  }
}

static void *work(void *which) {
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
  event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
  CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  signal_event(up[1]);
  do {
    set_timer();
    ends = 0;
    be_interrupted((int)(long)which);
    if (ends > 1) __atomic_add_fetch(&missed, 1, __ATOMIC_SEQ_CST);
    turns[(long)which]++;
  } while (!*stop || turns[(long)which] < 3);
  return NULL;
}

/* The main thread is one of those that are interrupted: it leads checkpoints. */
static int child(void) {
  pthread_t threads[kWorkers];
  for (long i = 1; i < kWorkers; i++) CHECK(pthread_create(&threads[i], NULL, work, (void *)i) == 0);
  work(NULL);
  for (int i = 1; i < kWorkers; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK(missed == 0);
  return 0;
}

int main(void) {
  const struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  int status;
  stop = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  fill(bytes, kBytes, 1);
  CHECK(stop != MAP_FAILED && sigaction(SIGUSR1, &action, NULL) == 0 && pipe(quiet) == 0 && pipe(full) == 0 && pipe(up) == 0 && sem_init(&never, 0, 0) == 0);
  const pid_t pid = fork();
  if (pid == 0) _exit(child());
  for (int i = 0; i < kWorkers; i++) wait_for_event(up[0]);

  ready_and_wait();

  *stop = 1;
  CHECK(waitpid(pid, &status, 0) == pid && status == 0);
  return pass();
}
