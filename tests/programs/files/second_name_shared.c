/* A file that is open in two processes under a name that is gone: what either writes reaches the second name, and the offset is shared. */
#include <sys/stat.h>

#include "stasis_test.h"

int main(void) {
  struct stat status;
  int go[2], done[2];
  const int fd = open("first", O_RDWR | O_CREAT, 0644);
  CHECK(fd >= 0 && write(fd, "text", 4) == 4 && link("first", "second") == 0 && unlink("first") == 0);
  CHECK(pipe(go) == 0 && pipe(done) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    wait_for_event(go[0]);
    CHECK(write(fd, "!", 1) == 1);
    signal_event(done[1]);
    _exit(0);
  }

  ready_and_wait();

  signal_event(go[1]);
  wait_for_event(done[0]);
  CHECK(lseek(fd, 0, SEEK_CUR) == 5 && write(fd, "?", 1) == 1);
  CHECK(stat("second", &status) == 0 && status.st_size == 6 && status.st_nlink == 1);
  CHECK(access("first", F_OK) == -1);
  return pass();
}
