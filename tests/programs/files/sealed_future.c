/* A memory file that is sealed against future writing: the mappings from before write on, in parent and child; others may not, and it can be sealed wholly when they are gone. */
#include <sys/mman.h>
#include <sys/wait.h>

#include "stasis_test.h"

int main(void) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 4 * page;
  const int fd = memfd_create("future", MFD_ALLOW_SEALING);
  CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
  int standing[2], go[2];
  CHECK(pipe(standing) == 0 && pipe(go) == 0);
  char *writable = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);  /* beyond the end */
  char *part = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, (off_t)page);
  CHECK(writable != MAP_FAILED && part != MAP_FAILED && fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK) == 0);
  char *later = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
  CHECK(later != MAP_FAILED);
  fill(writable, 2 * page, 3);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    CHECK(munmap(writable, 2 * page) == 0);
    signal_event(standing[1]);
    wait_for_event(go[0]);
    writable[3 * page] = 'c';
    _exit(mmap(NULL, page, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? 0 : 1);
  }
  wait_for_event(standing[0]);

  ready_and_wait();

  CHECK(is_filled(writable, 2 * page, 3) && is_filled(later, 2 * page, 3) && fcntl(fd, F_GET_SEALS) == (F_SEAL_FUTURE_WRITE | F_SEAL_SHRINK));
  signal_event(go[1]);
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0 && later[3 * page] == 'c');
  writable[2 * page] = 'p';
  CHECK(mprotect(part, page, PROT_READ | PROT_WRITE) == 0);
  part[0] = 'P';
  CHECK(later[2 * page] == 'p' && writable[page] == 'P');
  CHECK(mprotect(later, size, PROT_READ | PROT_WRITE) == -1 && errno == EACCES && pwrite(fd, "x", 1, 0) == -1 && errno == EPERM);
  CHECK(mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
  CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == -1 && errno == EBUSY);
  CHECK(munmap(writable, size + page) == 0 && munmap(part, page) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == 0);  /* nobody else has it mapped so */
  return pass();
}
