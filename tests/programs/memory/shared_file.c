/* A shared mapping of a file: what is written through it reaches the file, before and after. */
#include <sys/mman.h>

#include "stasis_test.h"

int main(void) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  int fd = open("shared", O_RDWR | O_CREAT | O_EXCL, 0600);
  CHECK(fd >= 0 && ftruncate(fd, (off_t)(4 * page)) == 0);
  char *map = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(map != MAP_FAILED);
  fill(map, 2 * page, 5);

  ready_and_wait();

  CHECK(is_filled(map, 2 * page, 5));
  fill(map + 2 * page, page, 6);
  char *now = malloc(page);
  CHECK(pread(fd, now, page, (off_t)page) == (ssize_t)page && memcmp(now, map + page, page) == 0);
  CHECK(pread(fd, now, page, (off_t)(2 * page)) == (ssize_t)page && is_filled(now, page, 6));
  CHECK(pwrite(fd, "through", 7, (off_t)(3 * page)) == 7 && memcmp(map + 3 * page, "through", 7) == 0);
  return pass();
}
