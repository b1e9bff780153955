/* What the programs of this area share.
 * World: programs of users. */
#ifndef STASIS_TERMINAL_TEST_H
#define STASIS_TERMINAL_TEST_H
#include "stasis_test.h"

/* Reads `length` bytes, in as many pieces as they come, and says whether they are these. What one side writes may reach the other in pieces. */
static inline int reads(int fd, const void* bytes, size_t length) {
  char got[4096];
  size_t done = 0;
  for (ssize_t n; done < length; done += (size_t)n)
    if ((n = read(fd, got + done, length - done)) <= 0) return 0;
  return memcmp(got, bytes, length) == 0;
}
#endif
