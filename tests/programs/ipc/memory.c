/* System V shared memory: with and without key, removed but attached, attached read-only and twice, by two processes; not attached at all; found by its key again. */
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "stasis_test.h"

enum { kSize = 200000 };

static char *attach(int id, int flags) {
  char *memory = shmat(id, NULL, flags);
  CHECK(memory != (char *)-1);
  return memory;
}

int main(void) {
  struct shmid_ds status;
  int up[2], go[2], ended;
  const key_t key = ftok(".", getpid() & 0xff);
  const int keyed = shmget(key, kSize, IPC_CREAT | IPC_EXCL | 0640), unkeyed = shmget(IPC_PRIVATE, kSize, IPC_CREAT | 0600), removed = shmget(IPC_PRIVATE, kSize, IPC_CREAT | 0600),
            idle = shmget(IPC_PRIVATE, kSize, IPC_CREAT | 0600);
  CHECK(key != -1 && keyed >= 0 && unkeyed >= 0 && removed >= 0 && idle >= 0 && pipe(up) == 0 && pipe(go) == 0);
  char *first = attach(keyed, 0), *second = attach(unkeyed, 0), *last = attach(removed, 0), *unused = attach(idle, 0);
  const char *again = attach(keyed, SHM_RDONLY);
  fill(first, kSize, 1), fill(second, kSize, 2), fill(last, kSize, 3), fill(unused, kSize, 4);
  CHECK(shmctl(removed, IPC_RMID, NULL) == 0 && shmdt(unused) == 0 && mprotect(second, 4096, PROT_READ) == 0);
  const pid_t child = fork();
  if (child == 0) {
    CHECK(shmdt(second) == 0);
    signal_event(up[1]);
    wait_for_event(go[0]);
    CHECK(is_filled(first, kSize, 1) && is_filled(last, kSize, 3));
    fill(first, kSize, 11), fill(last, kSize, 13);
    signal_event(up[1]);
    wait_for_event(go[0]);
    _exit(0);
  }
  wait_for_event(up[0]);
  ready_and_wait();

  CHECK(is_filled(first, kSize, 1) && is_filled(again, kSize, 1) && is_filled(second, kSize, 2) && is_filled(last, kSize, 3));
  signal_event(go[1]);
  wait_for_event(up[0]);
  CHECK(is_filled(again, kSize, 11) && is_filled(last, kSize, 13));
  CHECK(shmget(key, 0, 0) == keyed && shmctl(keyed, IPC_STAT, &status) == 0 && status.shm_nattch == 4 && status.shm_segsz == kSize && (status.shm_perm.mode & 0777) == 0640);
  CHECK(status.shm_cpid == getpid() && shmctl(unkeyed, IPC_STAT, &status) == 0 && status.shm_nattch == 2 && status.shm_perm.__key == IPC_PRIVATE);
  CHECK(shmctl(removed, IPC_STAT, &status) == 0 && status.shm_nattch == 2 && (status.shm_perm.mode & SHM_DEST) != 0);
  CHECK(shmctl(idle, IPC_STAT, &status) == 0 && status.shm_nattch == 0);
  unused = attach(idle, 0);
  CHECK(is_filled(unused, kSize, 4));
  signal_event(go[1]);
  CHECK(waitpid(child, &ended, 0) == child && ended == 0 && shmdt(last) == 0);
  CHECK(shmctl(removed, IPC_STAT, &status) == -1 && errno == EINVAL); /* gone with its last mapping */
  CHECK(shmdt(again) == 0 && shmctl(keyed, IPC_RMID, NULL) == 0 && shmctl(unkeyed, IPC_RMID, NULL) == 0 && shmctl(idle, IPC_RMID, NULL) == 0);
  return pass();
}
