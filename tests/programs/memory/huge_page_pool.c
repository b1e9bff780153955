/* Memory of the machine's pool of huge pages (MAP_HUGETLB), private and shared with a child, where the machine has such a pool: its bytes are kept. */
#include <sys/mman.h>

#include "stasis_test.h"

enum { kHuge = 2 << 20 };

int main(void) {
  int go[2], status;
  CHECK(pipe(go) == 0);
  char *own = mmap(NULL, kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  char *shared = own == MAP_FAILED ? own : mmap(NULL, kHuge, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  if (shared == MAP_FAILED) { /* an empty pool, or one for others */
    ready_and_wait();
    return pass();
  }
  fill(own, kHuge, 1);
  fill(shared, kHuge, 2);
  const pid_t child = fork();
  if (child == 0) {
    wait_for_event(go[0]);
    CHECK(is_filled(shared, kHuge, 2));
    shared[100] = 'c';
    _exit(0);
  }

  ready_and_wait();

  CHECK(is_filled(own, kHuge, 1));
  signal_event(go[1]);
  CHECK(waitpid(child, &status, 0) == child && status == 0 && shared[100] == 'c');
  return pass();
}
