/* The two signals that the C library keeps for itself (cancellation and timers, setuid) can be blocked and pending too, by system calls of the program's own
 * or in the library's threads: they are afterwards, for a thread and for the process. */
#include <pthread.h>
#include <sys/syscall.h>

#include "stasis_test.h"

static const unsigned long both = 3ul << 31; /* 32 and 33 */
static int up[2], go[2];

static int take(int value) {
  siginfo_t info = {0};
  const struct timespec none = {0, 0};
  const long taken = syscall(SYS_rt_sigtimedwait, &both, &info, &none, 8);
  return taken < 0 ? -1 : info.si_value.sival_int == value && info.si_code == SI_QUEUE ? (int)taken : 0;
}

static void queue(pid_t thread, int signal, int value) {
  siginfo_t info = {.si_signo = signal, .si_code = SI_QUEUE, .si_value.sival_int = value};
  info.si_pid = getpid();
  if (thread == 0) CHECK(syscall(SYS_rt_sigqueueinfo, getpid(), signal, &info) == 0);
  else CHECK(syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, signal, &info) == 0);
}

static void *thread(void *unused) {
  CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &both, NULL, 8) == 0);
  queue(gettid(), 32, 5);
  queue(gettid(), 33, 6);
  signal_event(up[1]);
  wait_for_event(go[0]);
  CHECK(take(5) == 32 && take(6) == 33);
  signal_event(up[1]);
  wait_for_event(go[0]);
  return unused;
}

int main(void) {
  pthread_t other;
  CHECK(pipe(up) == 0 && pipe(go) == 0 && pthread_create(&other, NULL, thread, NULL) == 0);
  CHECK(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &both, NULL, 8) == 0); /* the first pthread_create lets them in */
  wait_for_event(up[0]);
  queue(0, 32, 7);
  queue(0, 33, 8);

  ready_and_wait();

  signal_event(go[1]);
  wait_for_event(up[0]);
  CHECK(take(7) == 32 && take(8) == 33 && take(0) == -1);
  signal_event(go[1]);
  CHECK(pthread_join(other, NULL) == 0);
  return pass();
}
