/* Shared anonymous memory of which each process has kept only a part mapped, none of them all of it, and one has it at several places with different
 * protections: every part keeps its bytes and stays shared. */
#include <sys/mman.h>

#include "stasis_test.h"

enum { kPage = 4096, kPages = 16 };

int main(void) {
  int go[2], up[2], status;
  char *area = mmap(NULL, kPages * kPage, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(area != MAP_FAILED && pipe(go) == 0 && pipe(up) == 0);
  fill(area, kPages * kPage, 1);
  static char wanted[kPages * kPage];
  fill(wanted, sizeof wanted, 1);
  const pid_t last = fork(); /* has the last quarter, read-only, and a second view of it */
  if (last == 0) {
    char *view = mremap(area + 12 * kPage, 0, 4 * kPage, MREMAP_MAYMOVE);
    CHECK(view != MAP_FAILED && munmap(area, 12 * kPage) == 0 && mprotect(area + 12 * kPage, 4 * kPage, PROT_READ) == 0);
    signal_event(up[1]);
    wait_for_event(go[0]);
    CHECK(memcmp(view, wanted + 12 * kPage, 4 * kPage) == 0 && memcmp(area + 12 * kPage, view, 4 * kPage) == 0);
    view[5] = 'v';
    CHECK(area[12 * kPage + 5] == 'v');
    _exit(0);
  }
  const pid_t middle = fork(); /* has two pages in the middle that nobody else has */
  if (middle == 0) {
    CHECK(munmap(area, 6 * kPage) == 0 && munmap(area + 8 * kPage, 8 * kPage) == 0);
    signal_event(up[1]);
    wait_for_event(go[0]);
    CHECK(memcmp(area + 6 * kPage, wanted + 6 * kPage, 2 * kPage) == 0);
    _exit(0);
  }
  const pid_t first = fork(); /* has the first quarter, as we do */
  if (first == 0) {
    CHECK(munmap(area + 4 * kPage, 12 * kPage) == 0);
    signal_event(up[1]);
    wait_for_event(go[0]);
    CHECK(memcmp(area, wanted, 4 * kPage) == 0);
    area[7] = 'f';
    _exit(0);
  }
  CHECK(munmap(area + 4 * kPage, 12 * kPage) == 0);
  for (int i = 0; i < 3; i++) wait_for_event(up[0]);

  ready_and_wait();

  CHECK(memcmp(area, wanted, 4 * kPage) == 0);
  for (int i = 0; i < 3; i++) signal_event(go[1]);
  const pid_t children[] = {last, middle, first};
  for (int i = 0; i < 3; i++) CHECK(waitpid(children[i], &status, 0) == children[i] && status == 0);
  CHECK(area[7] == 'f');
  return pass();
}
