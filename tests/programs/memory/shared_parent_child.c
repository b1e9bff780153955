/* Shared anonymous memory stays one piece of memory for parent and child, mapped at two places in the child. */
#include <sys/mman.h>

#include "stasis_test.h"

int main(void) {
  const size_t size = 1 << 20;
  int go[2], ready[2];
  CHECK(pipe(go) == 0 && pipe(ready) == 0);
  char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(map != MAP_FAILED);
  fill(map, size / 2, 1);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    char *twin = mremap(map, 0, size, MREMAP_MAYMOVE);
    CHECK(twin != MAP_FAILED && twin != map);
    fill(twin + size / 2, size / 4, 2);
    signal_event(ready[1]);
    wait_for_event(go[0]);
    CHECK(is_filled(map, size / 2, 3) && is_filled(twin, size / 2, 3));
    fill(twin + size * 3 / 4, size / 4, 4);
    _exit(17);
  }
  wait_for_event(ready[0]);

  ready_and_wait();

  CHECK(is_filled(map, size / 2, 1) && is_filled(map + size / 2, size / 4, 2));
  fill(map, size / 2, 3);
  signal_event(go[1]);
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 17);
  CHECK(is_filled(map + size * 3 / 4, size / 4, 4));
  return pass();
}
