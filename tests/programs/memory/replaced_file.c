/* Mappings, private and shared, of a file that was renamed, and of one that another file has taken the place of: each still has its own bytes. */
#include <sys/mman.h>
#include <sys/stat.h>

#include "stasis_test.h"

enum { kPage = 4096, kSize = 4 * kPage };

static int make(const char *name, unsigned seed) {
  char bytes[kSize];
  const int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  fill(bytes, sizeof bytes, seed);
  CHECK(fd >= 0 && write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes);
  return fd;
}

static char *map(const char *name, int flags, unsigned seed) {
  const int fd = make(name, seed);
  char *place = mmap(NULL, kSize, PROT_READ | PROT_WRITE, flags, fd, 0);
  CHECK(place != MAP_FAILED && close(fd) == 0);
  fill(place, kPage, 9); /* dirtied: by a private one for itself, by a shared one in the file */
  return place;
}

static int has(const char *place, unsigned seed) {
  char wanted[kSize];
  fill(wanted, sizeof wanted, seed);
  fill(wanted, kPage, 9);
  return memcmp(place, wanted, sizeof wanted) == 0;
}

int main(void) {
  struct stat status;
  char byte, first[1];
  char *renamed_private = map("a", MAP_PRIVATE, 1), *renamed_shared = map("b", MAP_SHARED, 2);
  char *replaced_private = map("c", MAP_PRIVATE, 3), *replaced_shared = map("d", MAP_SHARED, 4);
  CHECK(rename("a", "a-new") == 0 && rename("b", "b-new") == 0);
  CHECK(close(make("c-other", 5)) == 0 && rename("c-other", "c") == 0 && close(make("d-other", 6)) == 0 && rename("d-other", "d") == 0);

  ready_and_wait();

  CHECK(has(renamed_private, 1) && has(renamed_shared, 2) && has(replaced_private, 3) && has(replaced_shared, 4));
  renamed_shared[2 * kPage] = 'x', replaced_shared[2 * kPage] = 'y', replaced_private[2 * kPage] = 'z';
  const int fd = open("b-new", O_RDONLY | O_CLOEXEC), other = open("d", O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0 && pread(fd, &byte, 1, 2 * kPage) == 1 && byte == 'x');
  fill(first, 1, 6);
  CHECK(other >= 0 && pread(other, &byte, 1, 0) == 1 && byte == first[0] && stat("b", &status) == -1 && errno == ENOENT);
  return pass();
}
