/* A file that is open under a name that is gone with its directories and has a second one elsewhere: it shows the old name, and the directories are not there. */
#include <sys/stat.h>

#include "stasis_test.h"

int main(void) {
  struct stat status;
  char before[4096] = "", now[4096] = "", link_path[64];
  CHECK(mkdir("outer", 0755) == 0 && mkdir("outer/inner", 0755) == 0);
  const int fd = open("outer/inner/first", O_RDWR | O_CREAT, 0644);
  CHECK(fd >= 0 && write(fd, "text", 4) == 4 && link("outer/inner/first", "second") == 0);
  CHECK(unlink("outer/inner/first") == 0 && rmdir("outer/inner") == 0 && rmdir("outer") == 0);
  snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", fd);
  CHECK(readlink(link_path, before, sizeof before - 1) > 0);

  ready_and_wait();

  CHECK(readlink(link_path, now, sizeof now - 1) > 0 && strcmp(before, now) == 0 && strstr(now, "outer/inner/first (deleted)") != NULL);
  CHECK(write(fd, "!", 1) == 1 && stat("second", &status) == 0 && status.st_size == 5 && status.st_nlink == 1);
  CHECK(access("outer", F_OK) == -1 && errno == ENOENT);
  return pass();
}
