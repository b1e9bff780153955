/* Anonymous memory with every protection: what is behind PROT_NONE and read-only pages is kept, and protections come back. */
#include <sys/mman.h>

#include "stasis_test.h"

static char *volatile fault_at;
static char *area;
static size_t page;

static void on_fault(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  fault_at = info->si_addr;
  mprotect((void *)((size_t)info->si_addr & ~(page - 1)), page, PROT_READ | PROT_WRITE);
}

/* Touches one byte by writing; says whether that faulted. */
static int faults(char *at) {
  fault_at = NULL;
  *(volatile char *)at = *(volatile char *)at;
  return fault_at == at;
}

int main(void) {
  page = (size_t)sysconf(_SC_PAGESIZE);
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
  CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
  area = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(area != MAP_FAILED);
  for (unsigned i = 0; i < 8; i++) fill(area + i * page, page, i);
  CHECK(mprotect(area + page, page, PROT_NONE) == 0);
  CHECK(mprotect(area + 3 * page, page, PROT_READ) == 0);
  CHECK(mprotect(area + 5 * page, page, PROT_READ | PROT_EXEC) == 0);
  CHECK(munmap(area + 6 * page, page) == 0);

  ready_and_wait();

  CHECK(!faults(area) && !faults(area + 2 * page) && !faults(area + 4 * page) && !faults(area + 7 * page));
  CHECK(faults(area + page) && faults(area + 3 * page) && faults(area + 5 * page));
  CHECK(mincore(area + 6 * page, page, (unsigned char[1]){0}) == -1 && errno == ENOMEM);
  for (unsigned i = 0; i < 8; i++)
    if (i != 6) CHECK(is_filled(area + i * page, page, i));
  return pass();
}
