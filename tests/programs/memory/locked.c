/* Locked memory stays locked: by mlock, by mlock2 only what is touched, shared memory, and one page of many. */
#include <sys/mman.h>

#include "stasis_test.h"

enum { kPage = 4096, kSize = 64 * kPage };

/* Kilobytes locked, and whether that is on fault, of the mapping that begins at `start`. */
static long locked(const void *start, int *on_fault) {
  char wanted[32], line[1024];
  long amount = -1;
  int found = 0;
  FILE *file = fopen("/proc/self/smaps", "re");
  CHECK(file != NULL);
  snprintf(wanted, sizeof wanted, "%lx-", (unsigned long)start);
  while (fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, wanted, strlen(wanted)) == 0) found = 1;
    if (found && sscanf(line, "Locked: %ld", &amount) == 1) continue;
    if (found && strncmp(line, "VmFlags:", 8) == 0) break;
  }
  fclose(file);
  CHECK(found && amount >= 0);
  *on_fault = strstr(line, " lf") != NULL;
  return strstr(line, " lo") == NULL ? -1 : amount;
}

static char *area(int flags) {
  char *place = mmap(NULL, kSize + kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(place != MAP_FAILED && mmap(place, kSize, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == place);
  return place;
}

int main(void) {
  char *whole = area(MAP_PRIVATE), *touched = area(MAP_PRIVATE), *shared = area(MAP_SHARED), *one = area(MAP_PRIVATE), *free_again = area(MAP_PRIVATE);
  int on_fault;
  fill(whole, kPage, 1);
  fill(touched, 2 * kPage, 2);
  fill(shared, kSize, 3);
  fill(one, kSize, 4);
  CHECK(mlock(whole, kSize) == 0 && mlock2(touched, kSize, MLOCK_ONFAULT) == 0 && mlock(shared, kSize) == 0 && mlock(one + 8 * kPage, kPage) == 0);
  CHECK(mlock(free_again, kSize) == 0 && munlock(free_again, kSize) == 0);
  const int tells = locked(touched, &on_fault) == 8 && on_fault; /* not every kernel's smaps does */

  ready_and_wait();

  CHECK(locked(whole, &on_fault) == kSize / 1024 && !on_fault);
  CHECK(locked(touched, &on_fault) == 8 && (on_fault || !tells));
  CHECK(locked(shared, &on_fault) > 0); /* the amount is divided among all who share it */
  CHECK(locked(one, &on_fault) == -1 && locked(one + 8 * kPage, &on_fault) == 4 && locked(free_again, &on_fault) == -1);
  CHECK(is_filled(whole, kPage, 1) && is_filled(touched, 2 * kPage, 2) && is_filled(shared, kSize, 3) && is_filled(one, kSize, 4));
  touched[5 * kPage] = 1;
  CHECK(locked(touched, &on_fault) == 12);
  return pass();
}
