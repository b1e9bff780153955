/* A private mapping of a file: dirtied pages are the program's own, clean ones the file's, and the file itself is untouched. */
#include <sys/mman.h>

#include "stasis_test.h"

int main(void) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *bytes = malloc(4 * page);
  fill(bytes, 4 * page, 3);
  int fd = open("mapped", O_RDWR | O_CREAT | O_EXCL, 0600);
  CHECK(fd >= 0 && write(fd, bytes, 4 * page) == (ssize_t)(4 * page));
  char *map = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  char *part = mmap(NULL, 2 * page, PROT_READ, MAP_PRIVATE, fd, (off_t)(2 * page));
  CHECK(map != MAP_FAILED && part != MAP_FAILED);
  CHECK(close(fd) == 0);
  fill(map + page, page, 42);

  ready_and_wait();

  CHECK(memcmp(map, bytes, page) == 0);
  CHECK(is_filled(map + page, page, 42));
  CHECK(memcmp(map + 2 * page, bytes + 2 * page, 2 * page) == 0);
  CHECK(memcmp(part, bytes + 2 * page, 2 * page) == 0);
  fd = open("mapped", O_RDONLY);
  char *now = malloc(4 * page);
  CHECK(read(fd, now, 4 * page) == (ssize_t)(4 * page) && memcmp(now, bytes, 4 * page) == 0);
  return pass();
}
