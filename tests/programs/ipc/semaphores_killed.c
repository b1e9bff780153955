/* System V semaphores: a process that sleeps with a timeout (semtimedop), and what is undone of a process that is killed: taken before, slept for, by a thread that has ended. */
#include <pthread.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <time.h>

#include "stasis_test.h"

enum { kTaken, kSleptFor, kByThread, kSemaphores };

static int id;

static int operate(unsigned short number, short change, short flags, time_t seconds) {
  struct sembuf operation = {number, change, flags};
  const struct timespec limit = {.tv_sec = seconds};
  return semtimedop(id, &operation, 1, &limit);
}

static void *take(void *unused) {
  CHECK(operate(kByThread, -2, SEM_UNDO, 60) == 0);
  return unused;
}

int main(void) {
  int up[2], status;
  pthread_t thread;
  id = semget(IPC_PRIVATE, kSemaphores, IPC_CREAT | 0600);
  CHECK(id >= 0 && pipe(up) == 0 && semctl(id, kTaken, SETVAL, 1) == 0 && semctl(id, kByThread, SETVAL, 2) == 0);
  const pid_t child = fork();
  if (child == 0) {
    CHECK(operate(kTaken, -1, SEM_UNDO, 60) == 0 && pthread_create(&thread, NULL, take, NULL) == 0 && pthread_join(thread, NULL) == 0);
    signal_event(up[1]);
    CHECK(operate(kSleptFor, -1, SEM_UNDO, 60) == 0);
    signal_event(up[1]);
    for (;;) pause();
  }
  wait_for_event(up[0]);
  ready_and_wait();

  CHECK(semctl(id, kTaken, GETVAL) == 0 && semctl(id, kSleptFor, GETVAL) == 0 && semctl(id, kByThread, GETVAL) == 0);
  CHECK(operate(kTaken, -1, 0, 0) == -1 && errno == EAGAIN);
  CHECK(operate(kSleptFor, 1, 0, 60) == 0);
  wait_for_event(up[0]);
  CHECK(semctl(id, kSleptFor, GETVAL) == 0 && kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status));
  CHECK(semctl(id, kTaken, GETVAL) == 1 && semctl(id, kSleptFor, GETVAL) == 1 && semctl(id, kByThread, GETVAL) == 2);
  CHECK(semctl(id, 0, IPC_RMID) == 0);
  return pass();
}
