/* Named POSIX semaphores: their values, a process that waits for one, and the same one opened by its name afterwards. */
#include <semaphore.h>

#include "stasis_test.h"

int main(void) {
  char name[64], other[64];
  int value, status, up[2];
  snprintf(name, sizeof name, "/stasis-test-%d-a", (int)getpid());
  snprintf(other, sizeof other, "/stasis-test-%d-b", (int)getpid());
  sem_t *counted = sem_open(name, O_CREAT | O_EXCL, 0600, 5), *waited = sem_open(other, O_CREAT | O_EXCL, 0600, 0);
  CHECK(counted != SEM_FAILED && waited != SEM_FAILED && sem_wait(counted) == 0 && pipe(up) == 0);
  const pid_t child = fork();
  if (child == 0) {
    signal_event(up[1]);
    CHECK(sem_wait(waited) == 0 && sem_post(counted) == 0);
    _exit(0);
  }
  wait_for_event(up[0]);
  ready_and_wait();

  CHECK(sem_getvalue(counted, &value) == 0 && value == 4 && sem_post(waited) == 0);
  CHECK(waitpid(child, &status, 0) == child && status == 0 && sem_getvalue(counted, &value) == 0 && value == 5);
  sem_t *again = sem_open(name, 0);
  CHECK(again == counted && sem_close(again) == 0); /* the C library knows that it has it open */
  const pid_t late = fork();
  if (late == 0) {
    CHECK(sem_close(counted) == 0);
    sem_t *mine = sem_open(name, 0);
    CHECK(mine != SEM_FAILED && sem_getvalue(mine, &value) == 0 && value == 5 && sem_post(mine) == 0);
    _exit(0);
  }
  CHECK(waitpid(late, &status, 0) == late && status == 0 && sem_getvalue(counted, &value) == 0 && value == 6);
  CHECK(sem_unlink(name) == 0 && sem_unlink(other) == 0);
  return pass();
}
