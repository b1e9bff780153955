/* Areas that were sealed (mseal) keep their bytes, and cannot be unmapped, moved or made writable afterwards either. */
#include <sys/mman.h>
#include <sys/syscall.h>

#include "stasis_test.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif
enum { kPage = 4096 };

int main(void) {
  char *area = mmap(NULL, 8 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(area != MAP_FAILED);
  fill(area, 8 * kPage, 6);
  CHECK(mprotect(area + 2 * kPage, 2 * kPage, PROT_READ) == 0);
  const int is_sealed = syscall(SYS_mseal, area + 2 * kPage, 4 * kPage, 0) == 0; /* Linux 6.10 */
  CHECK(is_sealed || errno == ENOSYS);

  ready_and_wait();

  CHECK(is_filled(area, 8 * kPage, 6));
  if (is_sealed) {
    CHECK(mprotect(area + 2 * kPage, kPage, PROT_READ | PROT_WRITE) == -1 && errno == EPERM);
    CHECK(munmap(area + 5 * kPage, kPage) == -1 && errno == EPERM);
    CHECK(mremap(area + 4 * kPage, kPage, 16 * kPage, MREMAP_MAYMOVE) == MAP_FAILED && errno == EPERM);
    area[5 * kPage] = 1;
  }
  CHECK(munmap(area, 2 * kPage) == 0 && mprotect(area + 6 * kPage, kPage, PROT_READ) == 0);
  return pass();
}
