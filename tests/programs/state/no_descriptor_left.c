/* Ten thousand descriptors, or as many as the hard limit allows with room for a few, up to the very soft limit: the next open fails before and after, and each descriptor is the one it was. */
#include <sys/resource.h>
#include <sys/stat.h>

#include "stasis_test.h"

int main(void) {
  struct rlimit limit;
  struct stat status;
  char bytes[8];
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  const int most = limit.rlim_max > 10064 ? 10000 : (int)limit.rlim_max - 64;
  limit.rlim_cur = (rlim_t)most;
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  open_trigger();
  const int file = open("numbers", O_RDWR | O_CREAT | O_TRUNC, 0600);
  for (int fd = 0; fd < most; fd++) CHECK(pwrite(file, &fd, sizeof fd, (off_t)fd * 4) == sizeof fd);
  int last = file;
  for (int fd; (fd = last % 2 == 0 ? dup(file) : open("numbers", O_RDONLY)) >= 0; last = fd)
    if (last % 2 != 0) CHECK(lseek(fd, (off_t)fd * 4, SEEK_SET) == (off_t)fd * 4);
  CHECK(errno == EMFILE && last == most - 1);

  ready_and_wait();

  CHECK(open("numbers", O_RDONLY) == -1 && errno == EMFILE);
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == (rlim_t)most);
  for (int fd = file + 1; fd < most; fd++) {
    CHECK(fstat(fd, &status) == 0 && status.st_size == (off_t)most * 4);
    int number = 0;
    if (fd % 2 != 0) {
      CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
      continue;
    }
    CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY && read(fd, &number, sizeof number) == sizeof number && number == fd);
  }
  CHECK(close(most - 1) == 0 && open("numbers", O_RDONLY) == most - 1 && pread(file, bytes, 4, 0) == 4);
  return pass();
}
