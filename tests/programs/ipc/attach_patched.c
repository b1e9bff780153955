/* System V shared memory under a library that watches memory: shmat starts with a jump to its own function, which calls the kernel by number, as UCX below MPI does. */
#include <dlfcn.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "stasis_test.h"

enum { kSize = 100000, kPage = 4096 };

static volatile int seen;

static void *watch(int id, const void *address, int flags) {
  seen++;
  return (void *)syscall(SYS_shmat, id, address, flags);
}

/* mov $watch, %rax; jmp *%rax */
static void patch(unsigned char *function) {
  const void *target = (const void *)watch;
  unsigned char jump[12] = {0x48, 0xb8, [10] = 0xff, 0xe0};
  memcpy(jump + 2, &target, sizeof target);
  void *page = (void *)((unsigned long)function & ~(kPage - 1UL));
  CHECK(mprotect(page, 2 * kPage, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
  memcpy(function, jump, sizeof jump);
  CHECK(mprotect(page, 2 * kPage, PROT_READ | PROT_EXEC) == 0);
}

static char *attach(int id) {
  const int before = seen;
  char *memory = shmat(id, NULL, 0);
  CHECK(memory != (char *)-1 && seen == before + 1);
  return memory;
}

int main(void) {
  patch(dlsym(RTLD_DEFAULT, "shmat"));
  const int first = shmget(IPC_PRIVATE, kSize, IPC_CREAT | 0600), second = shmget(IPC_PRIVATE, kSize, IPC_CREAT | 0600);
  CHECK(first >= 0 && second >= 0);
  char *memory = attach(first), *other = attach(second);
  fill(memory, kSize, 1), fill(other, kSize, 2);
  CHECK(shmdt(other) == 0);
  ready_and_wait();

  CHECK(is_filled(memory, kSize, 1));
  other = attach(second);
  CHECK(is_filled(other, kSize, 2) && shmat(-1, NULL, 0) == (void *)-1 && errno == EINVAL);
  CHECK(shmdt(memory) == 0 && shmdt(other) == 0 && shmctl(first, IPC_RMID, NULL) == 0 && shmctl(second, IPC_RMID, NULL) == 0);
  return pass();
}
