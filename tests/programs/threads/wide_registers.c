/* AVX-512 registers and masks of a thread that computes and of one that waits survive, on processors that have them. */
#include <pthread.h>
#include <stdatomic.h>

#include "stasis_test.h"

static atomic_int state;

/* Holds values in zmm0, zmm17, zmm31, k3 and k7 while `state` is `before`, without a call in between; says how they are afterwards. */
__attribute__((target("avx512f,avx512bw"))) static int hold(int before) {
  static const unsigned long pattern[24] __attribute__((aligned(64))) = {1, 2, 3, 4, 5, 6, 7, 8, 91, 92, 93, 94, 95, 96, 97, 98, 31, 32, 33, 34, 35, 36, 37, 38};
  unsigned long found[24] __attribute__((aligned(64)));
  unsigned long masks[2];
  __asm__ volatile(
      "vmovdqa64 (%[in]), %%zmm0\n\tvmovdqa64 64(%[in]), %%zmm17\n\tvmovdqa64 128(%[in]), %%zmm31\n\t"
      "mov $0x123456789abcdef0, %%rax\n\tkmovq %%rax, %%k3\n\tmov $0x0fedcba987654321, %%rax\n\tkmovq %%rax, %%k7\n"
      "1:\tpause\n\tcmp %[before], %[state]\n\tje 1b\n\t"
      "vmovdqa64 %%zmm0, (%[out])\n\tvmovdqa64 %%zmm17, 64(%[out])\n\tvmovdqa64 %%zmm31, 128(%[out])\n\t"
      "kmovq %%k3, (%[masks])\n\tkmovq %%k7, 8(%[masks])\n\t"
      :
      : [in] "r"(pattern), [out] "r"(found), [masks] "r"(masks), [before] "r"(before), [state] "m"(state)
      : "rax", "memory", "xmm0", "xmm17", "xmm31", "k3", "k7");
  return memcmp(found, pattern, sizeof found) == 0 && masks[0] == 0x123456789abcdef0 && masks[1] == 0x0fedcba987654321;
}

static void *compute(void *unused) {
  (void)unused;
  return (void *)(size_t)hold(0);
}

int main(void) {
  pthread_t threads[3];
  void *kept;
  const int has = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
  for (int i = 0; has && i < 3; i++) CHECK(pthread_create(&threads[i], NULL, compute, NULL) == 0);

  ready_and_wait();

  atomic_store(&state, 1);
  for (int i = 0; has && i < 3; i++) CHECK(pthread_join(threads[i], &kept) == 0 && kept == (void *)1);
  return pass();
}
