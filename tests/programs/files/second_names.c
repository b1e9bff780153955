/* Files that are open under a name that is gone and have another: in the working directory, beside another open file, in an open directory; and a
 * file that was made without a name and got one. Each stays the file that it was, under the name that it has. */
#include <sys/stat.h>

#include "stasis_test.h"

enum { kFiles = 4 };
static const char *const names[kFiles] = {"work/here", "beside/other", "opened/there", "work/later"};
static int fds[kFiles];

static int open_and_move(const char *name) {
  const int fd = open("first/gone", O_RDWR | O_CREAT | O_APPEND, 0644);
  CHECK(fd >= 0 && write(fd, name, strlen(name)) == (ssize_t)strlen(name) && link("first/gone", name) == 0 && unlink("first/gone") == 0);
  return fd;
}

int main(void) {
  struct stat before[kFiles], now;
  char path[64];
  open_trigger();
  for (int i = 0; i < 4; i++) CHECK(mkdir(((const char *[]){"first", "work", "beside", "opened"})[i], 0755) == 0);
  for (int i = 0; i < 3; i++) fds[i] = open_and_move(names[i]);
  fds[3] = open("first", O_TMPFILE | O_RDWR | O_APPEND, 0644);
  snprintf(path, sizeof path, "/proc/self/fd/%d", fds[3]);
  CHECK(fds[3] >= 0 && write(fds[3], names[3], strlen(names[3])) > 0 && linkat(AT_FDCWD, path, AT_FDCWD, names[3], AT_SYMLINK_FOLLOW) == 0);
  CHECK(open("beside/another", O_RDWR | O_CREAT, 0644) >= 0 && open("opened", O_RDONLY | O_DIRECTORY) >= 0 && open("work/here", O_RDONLY) >= 0);
  CHECK(chdir("work") == 0);
  for (int i = 0; i < kFiles; i++) CHECK(fstat(fds[i], &before[i]) == 0);

  ready_and_wait();

  CHECK(chdir("..") == 0);
  for (int i = 0; i < kFiles; i++) {
    CHECK(write(fds[i], "!", 1) == 1 && fstat(fds[i], &now) == 0 && now.st_ino == before[i].st_ino && now.st_nlink == before[i].st_nlink);
    CHECK(stat(names[i], &now) == 0 && now.st_ino == before[i].st_ino && now.st_size == (off_t)strlen(names[i]) + 1);
  }
  CHECK(access("first/gone", F_OK) == -1 && rmdir("first") == 0);
  return pass();
}
