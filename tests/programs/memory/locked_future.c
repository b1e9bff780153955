/* Memory that is mapped from now on is locked (mlockall, MCL_FUTURE), in one process whole and in its child as it is touched: so it is afterwards, and the
 * checkpoint locks nothing of its own. */
#include <sys/mman.h>

#include "stasis_test.h"

enum { kPage = 4096, kSize = 16 * kPage };

/* Kilobytes. */
static long locked(void) {
  char line[256];
  long amount = -1;
  FILE *file = fopen("/proc/self/status", "re");
  CHECK(file != NULL);
  while (amount < 0 && fgets(line, sizeof line, file) != NULL) sscanf(line, "VmLck: %ld", &amount);
  fclose(file);
  return amount;
}

static char *map(void) {
  char *area = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(area != MAP_FAILED);
  return area;
}

static int is_resident(char *area) {
  unsigned char there[kSize / kPage];
  CHECK(mincore(area, kSize, there) == 0);
  return there[kSize / kPage - 1] & 1;
}

/* Maps, and says whether that was locked and was there at once. */
static void check(int at_once) {
  const long before = locked();
  char *area = map();
  CHECK(locked() == before + kSize / 1024 && is_resident(area) == at_once);
  CHECK(munmap(area, kSize) == 0);
}

int main(void) {
  int up[2], go[2], status;
  locked(); /* stdio has its memory */
  CHECK(pipe(up) == 0 && pipe(go) == 0);
  const pid_t child = fork();
  const int at_once = child != 0;
  CHECK(mlockall(MCL_FUTURE | (at_once ? 0 : MCL_ONFAULT)) == 0);
  char *area = map();
  area[0] = 1;
  check(at_once);
  const long before = locked();
  if (child == 0) {
    signal_event(up[1]);
    wait_for_event(go[0]);
  } else {
    wait_for_event(up[0]);

    ready_and_wait();
  }
  if (locked() != before) dprintf(1, "locked %ld, was %ld\n", locked(), before);
  CHECK(area[0] == 1 && locked() == before);
  check(at_once);
  if (child == 0) _exit(3);
  signal_event(go[1]);
  CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 3);
  return pass();
}
