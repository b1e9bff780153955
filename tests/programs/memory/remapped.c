/* Memory that was moved and grown by mremap, unmapped in the middle and partly made read-only stays where it is, as it is. */
#include <sys/mman.h>

#include "stasis_test.h"

enum { kPage = 4096 };

int main(void) {
  char *first = mmap(NULL, 16 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(first != MAP_FAILED);
  fill(first, 16 * kPage, 3);
  char *target = mmap(NULL, 64 * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(target != MAP_FAILED);
  char *moved = mremap(first, 16 * kPage, 32 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, target);
  CHECK(moved == target);
  fill(moved + 16 * kPage, 16 * kPage, 4);
  CHECK(munmap(moved + 4 * kPage, kPage) == 0 && mprotect(moved + 8 * kPage, kPage, PROT_READ) == 0);

  ready_and_wait();

  CHECK(is_filled(moved, 4 * kPage, 3) && is_filled(moved + 16 * kPage, 16 * kPage, 4));
  unsigned char resident;
  CHECK(mincore(moved + 4 * kPage, kPage, &resident) == -1 && errno == ENOMEM);
  int out[2];
  CHECK(pipe(out) == 0 && write(out[1], "x", 1) == 1);
  CHECK(read(out[0], moved + 8 * kPage, 1) == -1 && errno == EFAULT);
  char *grown = mremap(moved + 16 * kPage, 16 * kPage, 48 * kPage, MREMAP_MAYMOVE);
  CHECK(grown != MAP_FAILED && is_filled(grown, 16 * kPage, 4));
  return pass();
}
