/* The main stack keeps its frames and goes on growing afterwards. */
#include "stasis_test.h"

static unsigned deepen(unsigned depth, int wait) {
  volatile char frame[4096];
  fill((void *)frame, sizeof frame, depth);
  if (depth > 0)
    depth = 1 + deepen(depth - 1, wait);
  else if (wait)
    ready_and_wait();
  CHECK(is_filled((const void *)frame, sizeof frame, depth));
  return depth;
}

int main(void) {
  CHECK(deepen(20, 1) == 20);
  CHECK(deepen(1000, 0) == 1000);  /* 4 MB: far below what was touched before */
  return pass();
}
