/* An area made with MAP_GROWSDOWN has grown, and goes on growing when the page below it is touched. */
#include <sys/mman.h>

#include "stasis_test.h"

enum { kPage = 4096, kRoom = 4096 }; /* pages below it, more than the gap that the kernel keeps free */

int main(void) {
  char *room = mmap(NULL, (size_t)kRoom * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(room != MAP_FAILED && munmap(room, (size_t)kRoom * kPage) == 0);
  char *top = room + (size_t)(kRoom - 1) * kPage;
  CHECK(mmap(top, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0) == top);
  for (int i = 0; i < 20; i++) fill(top - i * kPage, kPage, (unsigned)i);

  ready_and_wait();

  for (int i = 0; i < 20; i++) CHECK(is_filled(top - i * kPage, kPage, (unsigned)i));
  for (int i = 20; i < 40; i++) fill(top - i * kPage, kPage, (unsigned)i);
  for (int i = 0; i < 40; i++) CHECK(is_filled(top - i * kPage, kPage, (unsigned)i));
  return pass();
}
