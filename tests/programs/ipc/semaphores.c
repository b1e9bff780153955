/* System V semaphores: values, who operated last, a process that sleeps for one, and what is undone when a process ends. */
#include <sys/ipc.h>
#include <sys/sem.h>

#include "stasis_test.h"

static int operate(int id, unsigned short number, short change, short flags) {
  struct sembuf operation = {number, change, flags};
  return semop(id, &operation, 1);
}

int main(void) {
  int up[2], go[2], status;
  const int id = semget(IPC_PRIVATE, 4, IPC_CREAT | 0600), empty = semget(ftok(".", getpid() & 0xff), 2, IPC_CREAT | IPC_EXCL | 0640);
  CHECK(id >= 0 && empty >= 0 && pipe(up) == 0 && pipe(go) == 0);
  CHECK(semctl(id, 0, SETVAL, 7) == 0 && semctl(id, 2, SETVAL, 1) == 0 && semctl(id, 3, SETVAL, 5) == 0);
  CHECK(operate(id, 3, 2, SEM_UNDO) == 0);
  const pid_t child = fork();
  if (child == 0) {
    CHECK(operate(id, 2, -1, SEM_UNDO) == 0 && operate(id, 3, -4, SEM_UNDO) == 0); /* holds a lock that comes free with its end */
    signal_event(up[1]);
    CHECK(operate(id, 1, -3, 0) == 0);
    signal_event(up[1]);
    wait_for_event(go[0]);
    _exit(0);
  }
  wait_for_event(up[0]);
  ready_and_wait();

  CHECK(semctl(id, 0, GETVAL) == 7 && semctl(id, 1, GETVAL) == 0 && semctl(id, 2, GETVAL) == 0 && semctl(id, 3, GETVAL) == 3);
  CHECK(semctl(id, 0, GETPID) == getpid() && semctl(empty, 1, GETVAL) == 0);
  CHECK(operate(id, 2, -1, IPC_NOWAIT) == -1 && errno == EAGAIN);
  CHECK(operate(id, 1, 3, 0) == 0);
  wait_for_event(up[0]);
  CHECK(semctl(id, 1, GETVAL) == 0);
  signal_event(go[1]);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(semctl(id, 2, GETVAL) == 1 && semctl(id, 3, GETVAL) == 7);
  const pid_t other = fork();
  if (other == 0) _exit(0); /* has nothing to undo */
  CHECK(waitpid(other, &status, 0) == other && semctl(id, 3, GETVAL) == 7);
  CHECK(semget(ftok(".", getpid() & 0xff), 0, 0) == empty && semctl(id, 0, IPC_RMID) == 0 && semctl(empty, 0, IPC_RMID) == 0);
  return pass();
}
