/* A lock and a condition in memory shared by two processes still exclude and wake across them. */
#include <pthread.h>
#include <sys/mman.h>

#include "stasis_test.h"

struct Shared {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int is_waiting, value;
};

int main(void) {
  struct Shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_t of_mutex;
  pthread_condattr_t of_condition;
  int up[2], status;
  CHECK(shared != MAP_FAILED && pipe(up) == 0);
  CHECK(pthread_mutexattr_init(&of_mutex) == 0 && pthread_mutexattr_setpshared(&of_mutex, PTHREAD_PROCESS_SHARED) == 0);
  CHECK(pthread_condattr_init(&of_condition) == 0 && pthread_condattr_setpshared(&of_condition, PTHREAD_PROCESS_SHARED) == 0);
  CHECK(pthread_mutex_init(&shared->mutex, &of_mutex) == 0 && pthread_cond_init(&shared->changed, &of_condition) == 0);
  const pid_t child = fork();
  if (child == 0) {
    CHECK(pthread_mutex_lock(&shared->mutex) == 0);
    signal_event(up[1]);
    while (shared->value == 0) CHECK(pthread_cond_wait(&shared->changed, &shared->mutex) == 0);
    shared->value++;
    CHECK(pthread_mutex_unlock(&shared->mutex) == 0);
    _exit(4);
  }
  wait_for_event(up[0]);
  CHECK(pthread_mutex_lock(&shared->mutex) == 0); /* the child has it until it waits for the condition */

  ready_and_wait();

  shared->value = 10;
  CHECK(pthread_cond_signal(&shared->changed) == 0 && pthread_mutex_unlock(&shared->mutex) == 0);
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 4 && shared->value == 11);
  return pass();
}
