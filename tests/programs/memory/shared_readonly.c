/* Shared mappings of files that may only be read at the moment: what was opened for writing may be made writable again, and reaches the file; what was opened for
 * reading may not, whether by the file's mode or not. */
#include <sys/mman.h>
#include <sys/stat.h>

#include "stasis_test.h"

enum { kPage = 4096 };

static char *map(const char *name, int flags, mode_t mode) {
  char page[kPage];
  fill(page, kPage, 3);
  const int made = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  CHECK(made >= 0 && write(made, page, kPage) == kPage && fchmod(made, mode) == 0 && close(made) == 0);
  const int fd = open(name, flags | O_CLOEXEC);
  char *area = mmap(NULL, kPage, PROT_READ, MAP_SHARED, fd, 0);
  CHECK(fd >= 0 && area != MAP_FAILED && close(fd) == 0);
  return area;
}

int main(void) {
  char byte;
  char *writable = map("writable", O_RDWR, 0600), *read_only = map("read-only", O_RDONLY, 0600), *forbidden = map("forbidden", O_RDONLY, 0400);

  ready_and_wait();

  CHECK(is_filled(writable, kPage, 3) && is_filled(read_only, kPage, 3) && is_filled(forbidden, kPage, 3));
  CHECK(mprotect(read_only, kPage, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
  CHECK(mprotect(forbidden, kPage, PROT_READ | PROT_WRITE) == -1 && errno == EACCES);
  CHECK(mprotect(writable, kPage, PROT_READ | PROT_WRITE) == 0);
  writable[9] = 'w';
  const int fd = open("writable", O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0 && pread(fd, &byte, 1, 9) == 1 && byte == 'w');
  return pass();
}
