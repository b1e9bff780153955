/* A named pipe keeps its content, and is the one that the file system names. */
#include <sys/stat.h>

#include "stasis_test.h"

int main(void) {
  char seen[100];
  struct stat opened, named;
  CHECK(mkfifo("fifo", 0600) == 0);
  const int both = open("fifo", O_RDWR), reader = open("fifo", O_RDONLY | O_NONBLOCK);
  CHECK(both >= 0 && reader >= 0 && write(both, "content", 7) == 7);

  ready_and_wait();

  CHECK(fstat(reader, &opened) == 0 && stat("fifo", &named) == 0 && opened.st_ino == named.st_ino && S_ISFIFO(opened.st_mode));
  CHECK(read(reader, seen, 100) == 7 && memcmp(seen, "content", 7) == 0);
  CHECK(read(reader, seen, 100) == -1 && errno == EAGAIN);
  const int later = open("fifo", O_WRONLY);
  CHECK(later >= 0 && write(later, "more", 4) == 4 && read(reader, seen, 100) == 4);
  return pass();
}
