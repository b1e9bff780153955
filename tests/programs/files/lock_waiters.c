/* Processes that wait for a lock that the parent has: flock(2), F_SETLKW and F_OFD_SETLKW. None gets it by a checkpoint, each does when the parent lets go. */
#include <sys/file.h>

#include "stasis_test.h"

static int up[2];
static int lock(int way, int file, short type) {
  struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
  if (way == 0) return flock(file, type == F_UNLCK ? LOCK_UN : LOCK_EX);
  return fcntl(file, way == 1 ? F_SETLKW : F_OFD_SETLKW, &whole);
}
int main(void) {
  static const char *const names[3] = {"by_flock", "by_setlk", "by_ofd"};
  int files[3], status;
  pid_t children[3];
  CHECK(pipe(up) == 0);
  for (int way = 0; way < 3; way++) {
    files[way] = open(names[way], O_RDWR | O_CREAT, 0600);
    CHECK(files[way] >= 0 && lock(way, files[way], F_WRLCK) == 0);
    children[way] = fork();
    if (children[way] == 0) {
      const int own = open(names[way], O_RDWR);
      CHECK(close(files[way]) == 0 && lock(way, own, F_WRLCK) == 0 && write(own, "mine", 4) == 4);
      _exit(way + 3);
    }
    until_blocked_in(children[way], way == 0 ? SYS_flock : SYS_fcntl);
  }

  ready_and_wait();

  char bytes[4];
  for (int way = 0; way < 3; way++) {
    CHECK(waitpid(children[way], &status, WNOHANG) == 0 && pread(files[way], bytes, 4, 0) == 0);
    CHECK(lock(way, files[way], F_UNLCK) == 0);
    CHECK(waitpid(children[way], &status, 0) == children[way] && WIFEXITED(status) && WEXITSTATUS(status) == way + 3);
  }
  return pass();
}
