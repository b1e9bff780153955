/* Thirty thousand mappings, as a debugging allocator or a garbage collector makes them: every other page of an area is protected otherwise. */
#include <sys/mman.h>

#include "stasis_test.h"

enum { kPage = 4096, kPages = 30000 };

int main(void) {
  char *area = mmap(NULL, (size_t)kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(area != MAP_FAILED);
  for (int i = 0; i < kPages; i++) {
    memcpy(area + (size_t)i * kPage, &i, sizeof i);
    if (i % 2 == 1) CHECK(mprotect(area + (size_t)i * kPage, kPage, i % 4 == 1 ? PROT_READ : PROT_NONE) == 0);
  }

  ready_and_wait();

  for (int i = 0; i < kPages; i++) {
    char *page = area + (size_t)i * kPage;
    int found;
    CHECK(mprotect(page, kPage, PROT_READ | PROT_WRITE) == 0);
    memcpy(&found, page, sizeof found);
    CHECK(found == i);
  }
  return pass();
}
