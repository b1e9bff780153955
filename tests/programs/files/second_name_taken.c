/* A file that is open under a name that is gone and has a second one; another file has taken the first, and is left alone. */
#include <sys/stat.h>

#include "stasis_test.h"

int main(void) {
  struct stat status;
  const int fd = open("first", O_RDWR | O_CREAT, 0644);
  CHECK(fd >= 0 && write(fd, "text", 4) == 4 && link("first", "second") == 0 && unlink("first") == 0);
  const int taker = open("first", O_RDWR | O_CREAT | O_EXCL, 0644);
  CHECK(taker >= 0 && write(taker, "another", 7) == 7 && close(taker) == 0);

  ready_and_wait();

  CHECK(write(fd, "!", 1) == 1 && stat("second", &status) == 0 && status.st_size == 5 && status.st_nlink == 1);
  CHECK(stat("first", &status) == 0 && status.st_size == 7 && status.st_nlink == 1);
  return pass();
}
