/* growing_heap ROUNDS: a heap that only grows, by brk alone, with one line a round: what was written long ago is still there. */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { kBlock = 100 * 1000, kMost = 100000 };
static unsigned char *blocks[kMost];

static unsigned long sum_of(const unsigned char *block) {
  unsigned long sum = 0;
  for (int i = 0; i < kBlock; i += 97) sum = sum * 31 + block[i];
  return sum;
}

int main(int argc, char **argv) {
  const int rounds = argc > 1 ? atoi(argv[1]) : 100;
  const struct timespec moment = {0, 2000000};
  uintptr_t end = (uintptr_t)sbrk(0);
  if (mallopt(M_MMAP_THRESHOLD, 1 << 30) == 0 || mallopt(M_TRIM_THRESHOLD, 1 << 30) == 0) return 1;
  for (int round = 0; round < rounds && round < kMost; round++) {
    blocks[round] = malloc(kBlock);
    if (blocks[round] == NULL) return 2;
    memset(blocks[round], round % 251, kBlock);
    const uintptr_t now = (uintptr_t)sbrk(0);
    if (now < end || (uintptr_t)blocks[round] + kBlock > now) return 3; /* not from brk */
    end = now;
    unsigned long all = 0;
    for (int i = 0; i <= round; i += 1 + round / 50) all = all * 17 + sum_of(blocks[i]);
    if (printf("%d %lu\n", round, all) < 0 || fflush(stdout) != 0) return 4;
    nanosleep(&moment, NULL);
  }
  return 0;
}
