/* AMX: a program asked for the large state of tiles; a thread holds values in them while it computes, another while it sleeps, and new threads may use them. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "stasis_test.h"

enum { kAsk = 0x1023, kTileData = 18, kRows = 16, kRowBytes = 64 }; /* ARCH_REQ_XCOMP_PERM, asm/prctl.h */
static atomic_int state;
static int up[2];

/* struct __tile_config of the Intel SDM, vol. 1, 18.3: palette 1, tiles 0 and 7 of 16 rows of 64 bytes. */
static const unsigned char kConfiguration[64] __attribute__((aligned(64))) = {
    [0] = 1, [16] = kRowBytes, [30] = kRowBytes, [48] = kRows, [55] = kRows};

__attribute__((target("amx-tile"))) static int hold(unsigned seed, int sleeps) {
  unsigned char first[kRows * kRowBytes], second[kRows * kRowBytes], found[kRows * kRowBytes];
  const long stride = kRowBytes;
  fill(first, sizeof first, seed);
  fill(second, sizeof second, seed + 100);
  __asm__ volatile("ldtilecfg %0" : : "m"(kConfiguration));
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm0" : : "r"(first), "r"(stride) : "memory");
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm7" : : "r"(second), "r"(stride) : "memory");
  signal_event(up[1]);
  if (sleeps) {
    while (atomic_load(&state) == 0) syscall(SYS_futex, &state, 0 /* FUTEX_WAIT */, 0, NULL, NULL, 0);
  } else {
    while (atomic_load(&state) == 0) __builtin_ia32_pause();
  }
  __asm__ volatile("tilestored %%tmm0, (%0,%1,1)" : : "r"(found), "r"(stride) : "memory");
  int same = memcmp(found, first, sizeof found) == 0;
  __asm__ volatile("tilestored %%tmm7, (%0,%1,1)" : : "r"(found), "r"(stride) : "memory");
  same &= memcmp(found, second, sizeof found) == 0;
  __asm__ volatile("tilerelease");
  return same;
}

static void *thread(void *argument) {
  const size_t me = (size_t)argument;
  return (void *)(size_t)hold((unsigned)me, me % 2 == 0);
}

int main(void) {
  pthread_t threads[5];
  void *kept;
  CHECK(pipe(up) == 0);
  const int has = syscall(SYS_arch_prctl, kAsk, kTileData) == 0; /* a processor that has them, Linux 5.16 */
  for (size_t i = 0; has && i < 4; i++) CHECK(pthread_create(&threads[i], NULL, thread, (void *)i) == 0);
  for (size_t i = 0; has && i < 4; i++) wait_for_event(up[0]);

  ready_and_wait();

  atomic_store(&state, 1);
  if (has) CHECK(syscall(SYS_futex, &state, 1 /* FUTEX_WAKE */, 100, NULL, NULL, 0) >= 0 && pthread_create(&threads[4], NULL, thread, (void *)4) == 0);
  for (int i = 0; has && i < 5; i++) CHECK(pthread_join(threads[i], &kept) == 0 && kept == (void *)1);
  return pass();
}
