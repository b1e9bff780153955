/* A process whose readable memory is executable too (personality READ_IMPLIES_EXEC), as old programs have it: memory from before and from after that keeps
 * its protection, and new memory is executable. */
#include <sys/mman.h>
#include <sys/personality.h>

#include "stasis_test.h"

/* The permissions of the mapping that holds `at`. */
static void permissions(const void *at, char *text) {
  char line[512];
  unsigned long start, end;
  FILE *file = fopen("/proc/self/maps", "re");
  CHECK(file != NULL);
  text[0] = '\0';
  while (text[0] == '\0' && fgets(line, sizeof line, file) != NULL) {
    char found[8];
    CHECK(sscanf(line, "%lx-%lx %4s", &start, &end, found) == 3);
    if ((unsigned long)at >= start && (unsigned long)at < end) strcpy(text, found);
  }
  fclose(file);
}

static char *map(int protection) {
  char *page = mmap(NULL, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  return page;
}

int main(void) {
  char before[8], after[8], now[8], unreadable[8];
  char *plain = map(PROT_READ | PROT_WRITE);
  const int old = personality(0xffffffff);
  CHECK(personality((unsigned long)old | READ_IMPLIES_EXEC) == old);
  char *executable = map(PROT_READ | PROT_WRITE), *hidden = map(PROT_NONE);
  fill(plain, 4096, 1);
  fill(executable, 4096, 2);
  permissions(plain, before);
  permissions(executable, after);
  permissions(hidden, unreadable);
  CHECK(strcmp(before, "rw-p") == 0 && strcmp(after, "rwxp") == 0 && strcmp(unreadable, "---p") == 0);

  ready_and_wait();

  CHECK(personality(0xffffffff) == (old | READ_IMPLIES_EXEC) && is_filled(plain, 4096, 1) && is_filled(executable, 4096, 2));
  permissions(plain, now);
  CHECK(strcmp(now, before) == 0);
  permissions(executable, now);
  CHECK(strcmp(now, after) == 0);
  permissions(hidden, now);
  CHECK(strcmp(now, unreadable) == 0);
  permissions(map(PROT_READ | PROT_WRITE), now);
  CHECK(strcmp(now, after) == 0);
  return pass();
}
