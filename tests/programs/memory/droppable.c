/* Memory that the kernel may drop when it needs room (MAP_DROPPABLE), as the C library keeps for random numbers: it is such memory afterwards too, with what it
 * held or zeros, and a child finds zeros. */
#include <sys/mman.h>

#include "stasis_test.h"

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 8
#endif
enum { kPage = 4096, kSize = 4 * kPage };

static int is_droppable(const void *start) {
  char wanted[32], line[1024];
  int found = 0;
  FILE *file = fopen("/proc/self/smaps", "re");
  CHECK(file != NULL);
  snprintf(wanted, sizeof wanted, "%lx-", (unsigned long)start);
  while (fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, wanted, strlen(wanted)) == 0) found = 1;
    if (found && strncmp(line, "VmFlags:", 8) == 0) break;
  }
  fclose(file);
  return found && strstr(line, " dp") != NULL;
}

int main(void) {
  int status;
  char *area = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0); /* Linux 6.11 */
  const int has = area != MAP_FAILED;
  CHECK(has || errno == EINVAL);
  if (has) fill(area, kSize, 4);
  const int tells = has && is_droppable(area);

  ready_and_wait();

  if (has) {
    CHECK(!tells || is_droppable(area));
    char page[kPage] = {0}, wanted[kSize];
    fill(wanted, kSize, 4);
    for (int i = 0; i < kSize; i += kPage) CHECK(memcmp(area + i, wanted + i, kPage) == 0 || memcmp(area + i, page, kPage) == 0);
    fill(area, kSize, 5);
    const pid_t child = fork();
    if (child == 0) {
      for (int i = 0; i < kSize; i += kPage) CHECK(memcmp(area + i, page, kPage) == 0);
      _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
  return pass();
}
