/* A sparse reservation as language runtimes make it: 64 GiB of addresses with a few pages in use cost a few pages. */
#include <sys/mman.h>

#include "stasis_test.h"

static const size_t kSize = 64ul << 30;

int main(void) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *area = mmap(NULL, kSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  char *open_area = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(area != MAP_FAILED && open_area != MAP_FAILED);
  CHECK(mprotect(area + (kSize / 2), page, PROT_READ | PROT_WRITE) == 0);
  fill(area + kSize / 2, page, 1);
  for (unsigned i = 0; i < 16; i++) fill(open_area + i * (kSize / 16), page, i);

  ready_and_wait();

  CHECK(is_filled(area + kSize / 2, page, 1));
  for (unsigned i = 0; i < 16; i++) CHECK(is_filled(open_area + i * (kSize / 16), page, i));
  CHECK(open_area[kSize - 1] == 0 && open_area[page] == 0);
  CHECK(mprotect(area, page, PROT_READ | PROT_WRITE) == 0 && area[0] == 0);
  return pass();
}
