/* Memory files with seals: against writing, growing and shrinking, mapped for reading; one that may not be sealed; one that still may. */
#include <sys/mman.h>

#include "stasis_test.h"

int main(void) {
  const int sealed = memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC), plain = memfd_create("plain", 0), open_one = memfd_create("open", MFD_ALLOW_SEALING);
  CHECK(sealed >= 0 && plain >= 0 && open_one >= 0 && write(sealed, "content", 7) == 7 && write(plain, "plain", 5) == 5);
  CHECK(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0 && fcntl(plain, F_GET_SEALS) == F_SEAL_SEAL && fcntl(open_one, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  const int again = dup(sealed);
  const char *mapped = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, sealed, 0);
  CHECK(mapped != MAP_FAILED && mapped[0] == 'c');
  ready_and_wait();

  CHECK(fcntl(sealed, F_GET_SEALS) == (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) && fcntl(plain, F_GET_SEALS) == F_SEAL_SEAL && fcntl(open_one, F_GET_SEALS) == F_SEAL_SHRINK);
  CHECK(pwrite(again, "x", 1, 0) == -1 && errno == EPERM && ftruncate(again, 100) == -1 && errno == EPERM && memcmp(mapped, "content", 7) == 0);
  CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, sealed, 0) == MAP_FAILED && errno == EPERM);
  CHECK(fcntl(plain, F_ADD_SEALS, F_SEAL_WRITE) == -1 && errno == EPERM && pwrite(plain, "P", 1, 0) == 1);
  CHECK(ftruncate(open_one, 4096) == 0 && ftruncate(open_one, 10) == -1 && errno == EPERM && fcntl(open_one, F_ADD_SEALS, F_SEAL_GROW) == 0);
  return pass();
}
