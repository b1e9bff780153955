/* Where memory comes from on machines of several nodes: the policy of a thread, of another thread, and of areas (set_mempolicy, mbind). */
#include <linux/mempolicy.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "stasis_test.h"

enum { kSize = 1 << 20 };
static int up[2], go[2];

static int has_policy(void *address, int wanted) {
  int mode = -1;
  unsigned long nodes[16] = {0};
  CHECK(syscall(SYS_get_mempolicy, &mode, nodes, sizeof nodes * 8, address, address != NULL ? MPOL_F_ADDR : 0) == 0);
  return mode == wanted && (wanted == MPOL_DEFAULT || wanted == MPOL_LOCAL || nodes[0] == 1);
}

static void *thread(void *unused) {
  const unsigned long first = 1;
  CHECK(syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, &first, 64) == 0);
  signal_event(up[1]);
  wait_for_event(go[0]);
  CHECK(has_policy(NULL, MPOL_INTERLEAVE));
  return unused;
}

int main(void) {
  const unsigned long first = 1;
  pthread_t other;
  char *area = mmap(NULL, 4 * kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(area != MAP_FAILED && pipe(up) == 0 && pipe(go) == 0);
  if (syscall(SYS_mbind, area, kSize, MPOL_BIND, &first, 64, 0) != 0) { /* a kernel without such nodes has nothing to keep */
    CHECK(errno == ENOSYS);
    ready_and_wait();
    return pass();
  }
  CHECK(syscall(SYS_mbind, area + kSize, kSize, MPOL_INTERLEAVE, &first, 64, 0) == 0);
  CHECK(syscall(SYS_mbind, area + 2 * kSize, kSize, MPOL_PREFERRED | MPOL_F_STATIC_NODES, &first, 64, 0) == 0);
  CHECK(pthread_create(&other, NULL, thread, NULL) == 0);
  wait_for_event(up[0]);
  CHECK(syscall(SYS_set_mempolicy, MPOL_BIND, &first, 64) == 0);
  fill(area, 4 * kSize, 1);

  ready_and_wait();

  CHECK(is_filled(area, 4 * kSize, 1) && has_policy(NULL, MPOL_BIND));
  CHECK(has_policy(area, MPOL_BIND) && has_policy(area + kSize, MPOL_INTERLEAVE));
  CHECK(has_policy(area + 2 * kSize, MPOL_PREFERRED | MPOL_F_STATIC_NODES) && has_policy(area + 3 * kSize, MPOL_DEFAULT));
  signal_event(go[1]);
  CHECK(pthread_join(other, NULL) == 0);
  return pass();
}
