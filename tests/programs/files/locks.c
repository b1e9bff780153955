/* File locks: of processes, descriptions and flock, shared and exclusive, ranges and whole files, in two processes, and one that somebody waits for. */
#include <sys/file.h>

#include "stasis_test.h"

static int set(int fd, int command, short type, off_t start, off_t length) {
  struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  return fcntl(fd, command, &lock);
}

/* Whether a process that has no locks could have this one. */
static int is_free(const char *name, short type, off_t start, off_t length) {
  int status;
  const pid_t child = fork();
  if (child == 0) {
    const int fd = open(name, O_RDWR);
    _exit(fd < 0 ? 2 : set(fd, F_SETLK, type, start, length) == 0 ? 1 : errno == EAGAIN || errno == EACCES ? 0 : 3);
  }
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) <= 1);
  return WEXITSTATUS(status);
}

int main(void) {
  int up[2], go[2], status;
  CHECK(pipe(up) == 0 && pipe(go) == 0);
  const int file = open("file", O_RDWR | O_CREAT, 0600), other = open("other", O_RDWR | O_CREAT, 0600), whole = open("whole", O_RDWR | O_CREAT, 0600), waited = open("waited", O_RDWR | O_CREAT, 0600);
  CHECK(write(file, "some content", 12) == 12);
  CHECK(set(file, F_SETLK, F_WRLCK, 0, 10) == 0 && set(file, F_SETLK, F_RDLCK, 100, 0) == 0);
  CHECK(set(other, F_OFD_SETLK, F_WRLCK, 5, 5) == 0 && flock(whole, LOCK_EX) == 0 && set(waited, F_SETLK, F_WRLCK, 0, 1) == 0);
  const pid_t child = fork();
  if (child == 0) {
    CHECK(set(file, F_SETLK, F_WRLCK, 20, 10) == 0 && set(file, F_SETLK, F_RDLCK, 200, 10) == 0);
    signal_event(up[1]);
    CHECK(set(waited, F_SETLKW, F_WRLCK, 0, 1) == 0); /* sleeps until the parent gives it up */
    signal_event(up[1]);
    wait_for_event(go[0]);
    _exit(0);
  }
  wait_for_event(up[0]);
  ready_and_wait();

  CHECK(!is_free("file", F_RDLCK, 0, 10) && is_free("file", F_WRLCK, 10, 10) && !is_free("file", F_WRLCK, 1000, 1) && is_free("file", F_RDLCK, 1000, 1));
  CHECK(!is_free("file", F_RDLCK, 25, 1) && set(file, F_SETLK, F_WRLCK, 25, 1) == -1 && errno == EAGAIN && is_free("file", F_RDLCK, 200, 10));
  CHECK(!is_free("other", F_RDLCK, 9, 1) && is_free("other", F_WRLCK, 10, 1));
  const int again = open("whole", O_RDONLY);
  CHECK(flock(again, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK);
  CHECK(set(waited, F_SETLK, F_UNLCK, 0, 1) == 0);
  wait_for_event(up[0]);
  CHECK(!is_free("waited", F_WRLCK, 0, 1));
  signal_event(go[1]);
  CHECK(waitpid(child, &status, 0) == child && status == 0 && is_free("waited", F_WRLCK, 0, 1) && is_free("file", F_WRLCK, 20, 10));
  CHECK(flock(whole, LOCK_UN) == 0 && flock(again, LOCK_SH | LOCK_NB) == 0);
  return pass();
}
