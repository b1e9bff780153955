/* A file that is mapped shared, and not open any more, under a name that was removed, and has a second one: what is written reaches the second name. */
#include <sys/mman.h>
#include <sys/stat.h>

#include "stasis_test.h"

int main(void) {
  char text[5] = {0};
  const int fd = open("first", O_RDWR | O_CREAT, 0644);
  CHECK(fd >= 0 && ftruncate(fd, 8192) == 0 && link("first", "second") == 0 && unlink("first") == 0);
  char *memory = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(memory != MAP_FAILED && close(fd) == 0);
  memcpy(memory + 4096, "text", 4);

  ready_and_wait();

  CHECK(memcmp(memory + 4096, "text", 4) == 0);
  memcpy(memory + 4096, "more", 4);
  const int second = open("second", O_RDONLY);
  CHECK(second >= 0 && pread(second, text, 4, 4096) == 4 && strcmp(text, "more") == 0);
  return pass();
}
