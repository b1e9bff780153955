/* System V objects by their keys: asked for again, too large, as new ones, removed so that the key is free; listed by their places; used by system calls; new ones beside them have numbers that no other one has. */
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

#include "stasis_test.h"

enum { kObjects = 3, kNewcomers = 12 };

static int semaphore_value(int id) { return semctl(id, 0, GETVAL); }

/* How many objects of the machine's list have the number, and that each of them has the key. */
static int listed(int id, key_t key) {
  struct shm_info info;
  struct shmid_ds status;
  const int last = shmctl(0, SHM_INFO, (struct shmid_ds *)&info);
  int found = 0;
  CHECK(last >= 0);
  for (int place = 0; place <= last; place++)
    if (shmctl(place, SHM_STAT, &status) == id) {
      found++;
      CHECK(status.shm_perm.__key == key);
    }
  return found;
}

int main(void) {
  key_t keys[kObjects];
  int memory[kObjects], sets[kObjects], queues[kObjects];
  for (int i = 0; i < kObjects; i++) {
    keys[i] = ftok(".", getpid() & 0x7f) + 0x1000 * i;
    memory[i] = shmget(keys[i], 10000 + i, IPC_CREAT | IPC_EXCL | 0600);
    sets[i] = semget(keys[i], 2, IPC_CREAT | IPC_EXCL | 0600);
    queues[i] = (int)syscall(SYS_msgget, keys[i], IPC_CREAT | IPC_EXCL | 0400);
    CHECK(keys[i] != -1 && memory[i] >= 0 && sets[i] >= 0 && queues[i] >= 0 && semctl(sets[i], 0, SETVAL, 7 + i) == 0);
  }
  char *first = shmat(memory[0], NULL, 0);
  CHECK(first != (char *)-1);
  fill(first, 10000, 1);
  ready_and_wait();

  CHECK(is_filled(first, 10000, 1));
  for (int i = 0; i < kObjects; i++) {
    CHECK(shmget(keys[i], 0, 0) == memory[i] && shmget(keys[i], 10000 + i, IPC_CREAT | 0600) == memory[i] && semget(keys[i], 2, 0600) == sets[i] && msgget(keys[i], 0400) == queues[i]);
    CHECK(shmget(keys[i], 10001 + i, 0) == -1 && errno == EINVAL && semget(keys[i], 3, 0) == -1 && errno == EINVAL);
    CHECK(shmget(keys[i], 0, IPC_CREAT | IPC_EXCL | 0600) == -1 && errno == EEXIST && semget(keys[i], 1, IPC_CREAT | IPC_EXCL) == -1 && errno == EEXIST);
    CHECK(msgget(keys[i], IPC_CREAT | IPC_EXCL) == -1 && errno == EEXIST && (geteuid() == 0 || (msgget(keys[i], 0200) == -1 && errno == EACCES)));
    CHECK(semaphore_value(sets[i]) == 7 + i && listed(memory[i], keys[i]) == 1);
  }
  CHECK(shmget(keys[0] + 0x1000 * kObjects, 0, 0) == -1 && errno == ENOENT);

  /* What is new does not get in the way of what was there. */
  int newcomers[kNewcomers];
  for (int i = 0; i < kNewcomers; i++) {
    newcomers[i] = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    CHECK(newcomers[i] >= 0 && semctl(newcomers[i], 0, SETVAL, 100 + i) == 0);
    for (int k = 0; k < kObjects; k++) CHECK(newcomers[i] != sets[k]);
    for (int k = 0; k < i; k++) CHECK(newcomers[i] != newcomers[k]);
  }
  struct sembuf more = {0, 1, 0};
  for (int i = 0; i < kObjects; i++) CHECK(semaphore_value(sets[i]) == 7 + i && syscall(SYS_semop, sets[i], &more, 1) == 0 && syscall(SYS_semctl, sets[i], 0, GETVAL, 0) == 8 + i);
  for (int i = 0; i < kNewcomers; i++) CHECK(semaphore_value(newcomers[i]) == 100 + i && semctl(newcomers[i], 0, IPC_RMID) == 0);

  /* With what has gone the key is free; with what is on its way, too. */
  CHECK(semctl(sets[1], 0, IPC_RMID) == 0 && semget(keys[1], 0, 0) == -1 && errno == ENOENT && semaphore_value(sets[1]) == -1 && (errno == EINVAL || errno == EIDRM));
  sets[1] = semget(keys[1], 5, IPC_CREAT | IPC_EXCL | 0600);
  CHECK(sets[1] >= 0 && semget(keys[1], 5, 0) == sets[1] && semaphore_value(sets[1]) == 0);
  CHECK(shmctl(memory[0], IPC_RMID, NULL) == 0 && shmget(keys[0], 0, 0) == -1 && errno == ENOENT && listed(memory[0], IPC_PRIVATE) == 1 && is_filled(first, 10000, 1));
  CHECK(shmdt(first) == 0 && shmat(memory[0], NULL, 0) == (void *)-1 && (errno == EINVAL || errno == EIDRM));
  memory[0] = shmget(keys[0], 4096, IPC_CREAT | IPC_EXCL | 0600);
  CHECK(memory[0] >= 0);
  for (int i = 0; i < kObjects; i++) CHECK(shmctl(memory[i], IPC_RMID, NULL) == 0 && semctl(sets[i], 0, IPC_RMID) == 0 && msgctl(queues[i], IPC_RMID, NULL) == 0);
  return pass();
}
