/* Processes that wait for each other in shared memory, in a barrier, a read-write lock, a semaphore and a raw futex, wait on and go on when it is time. */
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "stasis_test.h"

struct Shared {
  pthread_barrier_t barrier;
  pthread_rwlock_t lock;
  sem_t semaphore;
  unsigned word, done;
};
static struct Shared *shared;

static void wait_in(int which) {
  switch (which) {
    case 0: pthread_barrier_wait(&shared->barrier); break;
    case 1: CHECK(pthread_rwlock_rdlock(&shared->lock) == 0 && pthread_rwlock_unlock(&shared->lock) == 0); break;
    case 2: CHECK(pthread_rwlock_wrlock(&shared->lock) == 0 && pthread_rwlock_unlock(&shared->lock) == 0); break;
    case 3: CHECK(sem_wait(&shared->semaphore) == 0); break;
    case 4: CHECK(syscall(SYS_futex, &shared->word, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 || errno == EAGAIN); break;
    case 5: CHECK(syscall(SYS_futex, &shared->word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 4) == 0 || errno == EAGAIN); break;
  }
}

int main(void) {
  enum { kChildren = 6 };
  pthread_barrierattr_t of_barrier;
  pthread_rwlockattr_t of_lock;
  pid_t children[kChildren];
  int up[2], status;
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(shared != MAP_FAILED && pipe(up) == 0 && sem_init(&shared->semaphore, 1, 0) == 0);
  CHECK(pthread_barrierattr_init(&of_barrier) == 0 && pthread_barrierattr_setpshared(&of_barrier, PTHREAD_PROCESS_SHARED) == 0);
  CHECK(pthread_rwlockattr_init(&of_lock) == 0 && pthread_rwlockattr_setpshared(&of_lock, PTHREAD_PROCESS_SHARED) == 0);
  CHECK(pthread_barrier_init(&shared->barrier, &of_barrier, 2) == 0 && pthread_rwlock_init(&shared->lock, &of_lock) == 0);
  CHECK(pthread_rwlock_wrlock(&shared->lock) == 0);
  for (int i = 0; i < kChildren; i++) {
    children[i] = fork();
    if (children[i] == 0) {
      signal_event(up[1]);
      wait_in(i);
      __atomic_add_fetch(&shared->done, 1, __ATOMIC_SEQ_CST);
      _exit(0);
    }
  }
  for (int i = 0; i < kChildren; i++) wait_for_event(up[0]);

  ready_and_wait();

  for (int i = 0; i < kChildren; i++) CHECK(waitpid(children[i], &status, WNOHANG) == 0);
  CHECK(shared->done == 0);
  const int barrier = pthread_barrier_wait(&shared->barrier);
  CHECK((barrier == 0 || barrier == PTHREAD_BARRIER_SERIAL_THREAD) && pthread_rwlock_unlock(&shared->lock) == 0 && sem_post(&shared->semaphore) == 0);
  __atomic_store_n(&shared->word, 1, __ATOMIC_SEQ_CST);
  CHECK(syscall(SYS_futex, &shared->word, FUTEX_WAKE_BITSET, 10, NULL, NULL, 4) >= 0);
  for (int i = 0; i < kChildren; i++) CHECK(waitpid(children[i], &status, 0) == children[i] && status == 0);
  CHECK(shared->done == kChildren);
  return pass();
}
