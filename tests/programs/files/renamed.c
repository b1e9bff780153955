/* A file that was renamed while open, one with two names, and a symbolic link's target are the files that they were. */
#include <sys/stat.h>

#include "stasis_test.h"

static int make(const char *name, const char *text) {
  const int fd = open(name, O_RDWR | O_CREAT, 0644);
  CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  return fd;
}

int main(void) {
  struct stat before, after;
  char text[20] = "";
  const int renamed = make("old", "renamed"), linked = make("linked", "linked");
  CHECK(rename("old", "new") == 0 && link("linked", "second") == 0);
  CHECK(close(make("target", "target")) == 0 && symlink("target", "symbolic") == 0);
  const int followed = open("symbolic", O_RDONLY);
  CHECK(followed >= 0 && fstat(renamed, &before) == 0);

  ready_and_wait();

  CHECK(fstat(renamed, &after) == 0 && before.st_ino == after.st_ino && after.st_nlink == 1);
  CHECK(write(renamed, "!", 1) == 1 && pread(renamed, text, 8, 0) == 8 && memcmp(text, "renamed!", 8) == 0);
  CHECK(stat("new", &after) == 0 && after.st_size == 8 && access("old", F_OK) == -1);
  CHECK(write(linked, "!", 1) == 1 && stat("second", &after) == 0 && after.st_size == 7 && after.st_nlink == 2);
  CHECK(read(followed, text, 6) == 6 && memcmp(text, "target", 6) == 0);
  return pass();
}
