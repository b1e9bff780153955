/* Files that were made without a name (O_TMPFILE): they show that, keep what they hold, and can be given a name afterwards; a file that was removed cannot. */
#include <sys/stat.h>

#include "stasis_test.h"

static int link_as(int fd, const char *name) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
}
static void check_held(const char *name, const char *text, mode_t mode) {
  char held[64] = "";
  struct stat status;
  const int fd = open(name, O_RDONLY);
  CHECK(fd >= 0 && read(fd, held, sizeof held) == (ssize_t)strlen(text) && strcmp(held, text) == 0);
  CHECK(fstat(fd, &status) == 0 && (status.st_mode & 0777) == mode && status.st_nlink == 1 && close(fd) == 0);
}

int main(void) {
  char reopened[64];
  const int both = open(".", O_TMPFILE | O_RDWR, 0640), appending = open(".", O_TMPFILE | O_WRONLY | O_APPEND, 0600), removed = open("removed", O_RDWR | O_CREAT, 0600);
  CHECK(both >= 0 && appending >= 0 && removed >= 0 && unlink("removed") == 0);
  CHECK(write(both, "first", 5) == 5 && write(appending, "one", 3) == 3 && write(appending, "two", 3) == 3 && write(removed, "gone", 4) == 4);
  snprintf(reopened, sizeof reopened, "/proc/self/fd/%d", both);
  const int other = open(reopened, O_RDONLY), flags = fcntl(both, F_GETFL), appending_flags = fcntl(appending, F_GETFL);
  CHECK(other >= 0 && (flags & O_TMPFILE) == O_TMPFILE && (fcntl(other, F_GETFL) & O_TMPFILE) == 0);

  ready_and_wait();

  CHECK(fcntl(both, F_GETFL) == flags && fcntl(appending, F_GETFL) == appending_flags && (fcntl(other, F_GETFL) & O_TMPFILE) == 0);
  char seen[8] = "";
  CHECK(write(both, "+", 1) == 1 && read(other, seen, sizeof seen) == 6 && strcmp(seen, "first+") == 0 && write(appending, "three", 5) == 5);
  CHECK(link_as(both, "named") == 0 && link_as(appending, "other") == 0);
  check_held("named", "first+", 0640);
  check_held("other", "onetwothree", 0600);
  CHECK(link_as(removed, "removed") == -1 && errno == ENOENT && pread(removed, seen, 4, 0) == 4 && memcmp(seen, "gone", 4) == 0);
  return pass();
}
