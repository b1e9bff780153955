/* A file that is open for writing under a name that was removed, and has a second one: what is written reaches the second name. */
#include <sys/stat.h>

#include "stasis_test.h"

int main(void) {
  struct stat status;
  const int fd = open("first", O_RDWR | O_CREAT, 0644);
  CHECK(fd >= 0 && write(fd, "text", 4) == 4 && link("first", "second") == 0 && unlink("first") == 0);

  ready_and_wait();

  CHECK(write(fd, "!", 1) == 1 && stat("second", &status) == 0 && status.st_size == 5 && access("first", F_OK) == -1);
  return pass();
}
