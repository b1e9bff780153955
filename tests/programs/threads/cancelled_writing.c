/* Threads that are blocked in a write of which a part is done: cancelled afterwards, by which clean-up handlers and the cleanup of variables in every frame run; interrupted by a signal with a handler, after which
 * the write returns short; and left by siglongjmp out of such a handler. */
#include <pthread.h>
#include <setjmp.h>

#include "stasis_test.h"

enum { kBytes = 1000000, kThreads = 3 };
static char bytes[kBytes], got[kBytes];
static int ways[kThreads][2], up[2], handled[2], cleaned;
static pid_t tids[kThreads];
static __thread sigjmp_buf place;
static __thread volatile int leaves;

static void clean_up(void *amount) { cleaned += *(int *)amount; }
static void clean_variable(int *amount) { cleaned += *amount; }
static void on_signal(int signal) {
  (void)signal;
  signal_event(handled[1]);
  if (leaves) siglongjmp(place, 1);
}

static __attribute__((noinline)) ssize_t write_in_frame(int fd) {
  int amount __attribute__((cleanup(clean_variable))) = 100;
  const ssize_t n = write(fd, bytes, kBytes);
  amount = 0;
  return n;
}

static void *writer(void *which) {
  const long w = (long)which;
  int amount = 5;
  volatile ssize_t n = -2;
  tids[w] = (pid_t)syscall(SYS_gettid);
  leaves = w == 2;
  pthread_cleanup_push(clean_up, &amount);
  if (!leaves || sigsetjmp(place, 1) == 0) {
    signal_event(up[1]);
    n = write_in_frame(ways[w][1]);
  }
  pthread_cleanup_pop(0);
  CHECK(close(ways[w][1]) == 0);
  return (void *)(long)n;
}

int main(void) {
  pthread_t threads[kThreads];
  struct sigaction action = {.sa_handler = on_signal};
  void *result;
  fill(bytes, kBytes, 1);
  CHECK(pipe(up) == 0 && pipe(handled) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
  for (long i = 0; i < kThreads; i++) {
    CHECK(pipe(ways[i]) == 0 && pthread_create(&threads[i], NULL, writer, (void *)i) == 0);
    wait_for_event(up[0]);
    until_blocked_in(tids[i], SYS_write);
  }

  ready_and_wait();

  /* Some more of it goes, so that the kernel has done a part after the checkpoint, too. */
  for (int i = 0; i < kThreads; i++) {
    for (size_t have = 0; have < 200000;) {
      const ssize_t n = read(ways[i][0], got, 4096);
      CHECK(n > 0 && memcmp(got, bytes + have, (size_t)n) == 0);
      have += (size_t)n;
    }
    until_blocked_in(tids[i], SYS_write);
  }
  CHECK(pthread_cancel(threads[0]) == 0 && pthread_join(threads[0], &result) == 0 && result == PTHREAD_CANCELED && cleaned == 105);
  for (int i = 1; i < kThreads; i++) {
    CHECK(pthread_kill(threads[i], SIGUSR1) == 0);
    wait_for_event(handled[0]);
    CHECK(pthread_join(threads[i], &result) == 0);
    size_t left = 0;
    for (ssize_t n; (n = read(ways[i][0], got, sizeof got)) > 0;) left += (size_t)n;
    const size_t before = 200000 + (4096 - 200000 % 4096) % 4096;
    CHECK(i == 2 ? (long)result == -2 : (long)result == (long)(before + left) && (long)result < kBytes);
  }
  return pass();
}
