/* Mappings that reach beyond the end of their file, private and shared, of a named file and of one that is gone: touching what is beyond is SIGBUS as before,
 * and what the file gains is there. */
#include <setjmp.h>
#include <sys/mman.h>

#include "stasis_test.h"

enum { kPage = 4096 };
static sigjmp_buf back;
static void on_fault(int signal) { siglongjmp(back, signal); }

static int faults(volatile char *at) {
  const int signal = sigsetjmp(back, 1);
  if (signal != 0) return signal;
  (void)*at;
  return 0;
}

static char *map(const char *name, int flags, int *fd) {
  char page[kPage];
  fill(page, kPage, 3);
  *fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  CHECK(*fd >= 0 && write(*fd, page, kPage - 100) == kPage - 100);
  char *area = mmap(NULL, 4 * kPage, PROT_READ | PROT_WRITE, flags, *fd, 0);
  CHECK(area != MAP_FAILED);
  area[10] = 'x';
  return area;
}

int main(void) {
  enum { kCases = 3 };
  static const char *const names[kCases] = {"private", "shared", "gone"};
  static const int flags[kCases] = {MAP_PRIVATE, MAP_SHARED, MAP_SHARED};
  char *areas[kCases], page[kPage];
  int fds[kCases];
  fill(page, kPage, 3);
  page[10] = 'x';
  CHECK(signal(SIGBUS, on_fault) != SIG_ERR && signal(SIGSEGV, on_fault) != SIG_ERR);
  for (int i = 0; i < kCases; i++) areas[i] = map(names[i], flags[i], &fds[i]);
  CHECK(unlink("gone") == 0);

  ready_and_wait();

  for (int i = 0; i < kCases; i++) {
    CHECK(memcmp(areas[i], page, kPage - 100) == 0 && areas[i][kPage - 1] == 0);
    CHECK(faults(areas[i] + kPage) == SIGBUS && faults(areas[i] + 3 * kPage) == SIGBUS);
    CHECK(pwrite(fds[i], "more", 4, 2 * kPage) == 4 && faults(areas[i] + 2 * kPage) == 0 && memcmp(areas[i] + 2 * kPage, "more", 4) == 0);
    CHECK(faults(areas[i] + 3 * kPage) == SIGBUS);
  }
  return pass();
}
