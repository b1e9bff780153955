/* Memory that parent and child shared until one wrote it: each keeps its own version, children born afterwards see the parent's. */
#include <sys/mman.h>

#include "stasis_test.h"

enum { kSize = 8 << 20 };

int main(void) {
  int go[2], up[2], status;
  char *memory = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED && pipe(go) == 0 && pipe(up) == 0);
  fill(memory, kSize, 1);
  const pid_t child = fork();
  if (child == 0) {
    fill(memory, kSize / 2, 2);
    signal_event(up[1]);
    wait_for_event(go[0]);
    _exit(is_filled(memory, kSize / 2, 2) && memory[kSize - 1] != 0 ? 7 : 8);
  }
  wait_for_event(up[0]);

  ready_and_wait();

  CHECK(is_filled(memory, kSize, 1));
  signal_event(go[1]);
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
  const pid_t late = fork();
  if (late == 0) _exit(is_filled(memory, kSize, 1) ? 9 : 10);
  CHECK(waitpid(late, &status, 0) == late && WIFEXITED(status) && WEXITSTATUS(status) == 9);
  return pass();
}
