/* 64 MiB that ask for huge pages, with a hole in the middle, keep their bytes, their zeros and their advice. */
#include <sys/mman.h>

#include "stasis_test.h"

enum { kMegabyte = 1 << 20, kSize = 64 * kMegabyte };

/* Whether the mapping that holds `address` has the flag `name` in /proc/self/smaps. */
static int has_flag(const void *address, const char *name) {
  FILE *maps = fopen("/proc/self/smaps", "r");
  char line[4096];
  unsigned long start, end;
  int inside = 0, found = 0;
  CHECK(maps != NULL);
  while (fgets(line, sizeof line, maps) != NULL) {
    if (sscanf(line, "%lx-%lx ", &start, &end) == 2) inside = (unsigned long)address >= start && (unsigned long)address < end;
    if (inside && strncmp(line, "VmFlags:", 8) == 0 && strstr(line, name) != NULL) found = 1;
  }
  CHECK(fclose(maps) == 0);
  return found;
}

int main(void) {
  char *memory = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  const int advised = madvise(memory, kSize, MADV_HUGEPAGE) == 0; /* EINVAL on a kernel without huge pages */
  fill(memory, 30 * kMegabyte, 9);
  fill(memory + 30 * kMegabyte, 34 * kMegabyte, 8);
  CHECK(madvise(memory + 20 * kMegabyte, 10 * kMegabyte, MADV_DONTNEED) == 0);
  CHECK(!advised || has_flag(memory, " hg"));

  ready_and_wait();

  CHECK(is_filled(memory, 20 * kMegabyte, 9));
  for (size_t i = 20 * kMegabyte; i < 30 * kMegabyte; i += 512) CHECK(memory[i] == 0);
  CHECK(is_filled(memory + 30 * kMegabyte, 34 * kMegabyte, 8));
  CHECK(!advised || has_flag(memory, " hg"));
  return pass();
}
