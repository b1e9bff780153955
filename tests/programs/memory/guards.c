/* Guard pages, by PROT_NONE and by MADV_GUARD_INSTALL, are where they were: touching one faults, removing one makes it memory again. */
#include <setjmp.h>
#include <sys/mman.h>

#include "stasis_test.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#define MADV_GUARD_REMOVE 103
#endif
enum { kPage = 4096, kPages = 1024 };
static sigjmp_buf back;

static void on_fault(int signal) { siglongjmp(back, signal); }

static int faults(volatile char *at) {
  if (sigsetjmp(back, 1) != 0) return 1;
  (void)*at;
  return 0;
}

int main(void) {
  CHECK(signal(SIGSEGV, on_fault) != SIG_ERR);
  char *area = mmap(NULL, kPages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *fenced = mmap(NULL, 16 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(area != MAP_FAILED && fenced != MAP_FAILED && mprotect(fenced, kPage, PROT_NONE) == 0);
  fill(area, kPages * kPage, 5);
  /* Linux 6.13; one guard, one run of them, one at the end, where there was and where there was nothing. */
  const int has_guards = madvise(area + 3 * kPage, kPage, MADV_GUARD_INSTALL) == 0;
  if (has_guards) {
    CHECK(madvise(area + 100 * kPage, 7 * kPage, MADV_GUARD_INSTALL) == 0 && madvise(area + (kPages - 1) * kPage, kPage, MADV_GUARD_INSTALL) == 0);
    CHECK(madvise(fenced + 15 * kPage, kPage, MADV_GUARD_INSTALL) == 0 && faults(area + 3 * kPage));
  }

  ready_and_wait();

  CHECK(faults(fenced) && !faults(fenced + kPage));
  for (int i = 0; i < kPages; i++) {
    const int guard = has_guards && (i == 3 || (i >= 100 && i < 107) || i == kPages - 1);
    CHECK(faults(area + i * kPage) == guard);
    if (guard) continue;
    static char wanted[kPages * kPage];
    if (i == 0) fill(wanted, sizeof wanted, 5);
    CHECK(memcmp(area + i * kPage, wanted + i * kPage, kPage) == 0);
  }
  if (has_guards) {
    CHECK(faults(fenced + 15 * kPage) && madvise(area + 100 * kPage, 7 * kPage, MADV_GUARD_REMOVE) == 0);
    CHECK(!faults(area + 100 * kPage) && area[100 * kPage] == 0);
  }
  return pass();
}
