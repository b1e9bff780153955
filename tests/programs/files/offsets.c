/* Open files keep their offset, flags and numbers; a duplicate and a child share one offset, a second open has its own. */
#include "stasis_test.h"

int main(void) {
  int go[2];
  char bytes[100], seen[100];
  fill(bytes, sizeof bytes, 1);
  const int fd = open("data", O_RDWR | O_CREAT | O_EXCL, 0640);
  CHECK(fd >= 0 && write(fd, bytes, 100) == 100 && lseek(fd, 30, SEEK_SET) == 30);
  const int twin = dup2(fd, 200), own = open("data", O_RDONLY | O_NOATIME | O_CLOEXEC);
  const int append = open("log", O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0600);
  CHECK(twin == 200 && own >= 0 && append >= 0 && write(append, "one", 3) == 3 && lseek(own, 50, SEEK_SET) == 50);
  CHECK(pipe(go) == 0);
  const pid_t child = fork();
  if (child == 0) {
    wait_for_event(go[0]);
    CHECK(lseek(fd, 0, SEEK_CUR) == 40 && lseek(200, 5, SEEK_CUR) == 45);
    CHECK(write(append, "three", 5) == 5);
    _exit(0);
  }

  ready_and_wait();

  CHECK(read(fd, seen, 10) == 10 && memcmp(seen, bytes + 30, 10) == 0 && lseek(twin, 0, SEEK_CUR) == 40);
  CHECK(lseek(own, 0, SEEK_CUR) == 50 && read(own, seen, 100) == 50 && memcmp(seen, bytes + 50, 50) == 0);
  CHECK(fcntl(own, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFD) == 0 && fcntl(twin, F_GETFD) == 0);
  CHECK((fcntl(own, F_GETFL) & (O_ACCMODE | O_NOATIME)) == (O_RDONLY | O_NOATIME));
  CHECK((fcntl(append, F_GETFL) & (O_ACCMODE | O_APPEND | O_NONBLOCK)) == (O_WRONLY | O_APPEND | O_NONBLOCK));
  CHECK(write(append, "two", 3) == 3);
  signal_event(go[1]);
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0 && lseek(fd, 0, SEEK_CUR) == 45);
  const int log = open("log", O_RDONLY);
  CHECK(read(log, seen, 100) == 11 && memcmp(seen, "onetwothree", 11) == 0);
  CHECK(fcntl(199, F_GETFD) == -1 && fcntl(201, F_GETFD) == -1);
  return pass();
}
