/* The restartable-sequence area of each thread is registered: the kernel keeps the processor number in it up to date, also in threads made afterwards. */
#include <pthread.h>
#include <sched.h>
#include <sys/rseq.h>
#include <sys/syscall.h>

#include "stasis_test.h"

static int up[2], go[2];

static int follows(void) {
  cpu_set_t all, one;
  if (__rseq_size == 0) return 1; /* switched off: glibc.pthread.rseq=0 */
  const volatile struct rseq *area = (const volatile struct rseq *)((const char *)__builtin_thread_pointer() + __rseq_offset);
  CHECK(sched_getaffinity(0, sizeof all, &all) == 0);
  for (int processor = 0; processor < CPU_SETSIZE; processor++) {
    if (!CPU_ISSET(processor, &all)) continue;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
    if ((int)area->cpu_id != processor || sched_getcpu() != processor) return 0;
  }
  CHECK(sched_setaffinity(0, sizeof all, &all) == 0);
  /* Registered already, by this thread. */
  return syscall(SYS_rseq, area, 32, 0, RSEQ_SIG) == -1 && (errno == EBUSY || errno == EINVAL);
}

static void *thread(void *unused) {
  CHECK(follows());
  signal_event(up[1]);
  wait_for_event(go[0]);
  CHECK(follows());
  return unused;
}

int main(void) {
  pthread_t threads[4];
  CHECK(pipe(up) == 0 && pipe(go) == 0 && follows());
  for (int i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, thread, NULL) == 0);
  for (int i = 0; i < 3; i++) wait_for_event(up[0]);

  ready_and_wait();

  CHECK(follows() && pthread_create(&threads[3], NULL, thread, NULL) == 0);
  for (int i = 0; i < 4; i++) signal_event(go[1]);
  for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  return pass();
}
