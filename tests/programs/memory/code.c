/* Code that was made at run time, as a just-in-time compiler does, and a library that was loaded by dlopen are still there and run. */
#include <dlfcn.h>
#include <sys/mman.h>

#include "stasis_test.h"

int main(void) {
  static const unsigned char code[] = {0x8d, 0x47, 0x2a, 0xc3}; /* lea 42(%rdi), %eax; ret */
  unsigned char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  memcpy(page, code, sizeof code);
  CHECK(mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0);
  int (*add)(int) = (int (*)(int))(void *)page;
  CHECK(add(1) == 43);
  void *library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
  CHECK(library != NULL);
  double (*whole)(double) = (double (*)(double))dlsym(library, "floor");
  CHECK(whole != NULL && whole(3.7) == 3);

  ready_and_wait();

  CHECK(add(100) == 142 && whole(4.5) == 4);
  CHECK(dlsym(library, "floor") == (void *)whole && dlclose(library) == 0);
  void *other = dlopen("libresolv.so.2", RTLD_NOW);
  CHECK(other != NULL && dlclose(other) == 0);
  return pass();
}
