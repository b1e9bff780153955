/* A file that was deleted while open keeps its content, for parent and child, and goes on being written. */
#include <sys/stat.h>

#include "stasis_test.h"

int main(void) {
  char bytes[10000], seen[10000];
  struct stat status;
  fill(bytes, sizeof bytes, 1);
  const int fd = open("deleted", O_RDWR | O_CREAT | O_EXCL, 0600), read_only = open("deleted", O_RDONLY);
  FILE *temporary = tmpfile();
  CHECK(fd >= 0 && read_only >= 0 && temporary != NULL && fputs("temporary", temporary) >= 0 && fflush(temporary) == 0);
  CHECK(write(fd, bytes, sizeof bytes) == sizeof bytes && lseek(fd, 5000, SEEK_SET) == 5000);
  CHECK(unlink("deleted") == 0 && ftruncate(fd, 9000) == 0);

  ready_and_wait();

  CHECK(access("deleted", F_OK) == -1 && errno == ENOENT);
  CHECK(fstat(fd, &status) == 0 && status.st_size == 9000 && status.st_nlink == 0);
  CHECK(read(fd, seen, sizeof seen) == 4000 && memcmp(seen, bytes + 5000, 4000) == 0);
  CHECK(pread(read_only, seen, sizeof seen, 0) == 9000 && memcmp(seen, bytes, 9000) == 0);
  CHECK(pwrite(fd, "shared", 6, 0) == 6 && pread(read_only, seen, 6, 0) == 6 && memcmp(seen, "shared", 6) == 0);
  rewind(temporary);
  CHECK(fgets(seen, sizeof seen, temporary) != NULL && strcmp(seen, "temporary") == 0);
  return pass();
}
