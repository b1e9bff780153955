/* Mappings of a file that has no name any more, private and shared, keep their bytes. */
#include <sys/mman.h>

#include "stasis_test.h"

int main(void) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  int fd = open("gone", O_RDWR | O_CREAT | O_EXCL, 0600);
  CHECK(fd >= 0 && ftruncate(fd, (off_t)(3 * page)) == 0);
  char *shared = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *private = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  CHECK(shared != MAP_FAILED && private != MAP_FAILED);
  fill(shared, 2 * page, 8);
  fill(private + page, page, 9);
  CHECK(close(fd) == 0 && unlink("gone") == 0);

  ready_and_wait();

  CHECK(is_filled(shared, 2 * page, 8));
  CHECK(is_filled(private, page, 8) && is_filled(private + page, page, 9));
  CHECK(private[2 * page] == 0);
  return pass();
}
