/* The heap as malloc and brk see it: small and large blocks keep their bytes, and both go on growing afterwards. */
#include "stasis_test.h"

enum { kBlocks = 500 };

int main(void) {
  void *blocks[kBlocks];
  for (unsigned i = 0; i < kBlocks; i++) {
    blocks[i] = malloc(i * 37 + 1);
    fill(blocks[i], i * 37 + 1, i);
  }
  char *large = malloc(8 << 20);
  fill(large, 8 << 20, 99);
  char *before = sbrk(1 << 16);
  CHECK(before != (void *)-1);
  fill(before, 1 << 16, 7);
  char *end = sbrk(0);

  ready_and_wait();

  CHECK(sbrk(0) == end);
  CHECK(is_filled(before, 1 << 16, 7));
  CHECK(is_filled(large, 8 << 20, 99));
  for (unsigned i = 0; i < kBlocks; i++) {
    CHECK(is_filled(blocks[i], i * 37 + 1, i));
    blocks[i] = realloc(blocks[i], 5000);
    CHECK(blocks[i] != NULL && is_filled(blocks[i], i * 37 + 1 < 5000 ? i * 37 + 1 : 5000, i));
    free(blocks[i]);
  }
  CHECK(sbrk(1 << 16) == end);
  memset(end, 1, 1 << 16);
  CHECK(brk(end) == 0 && sbrk(0) == end);
  return pass();
}
