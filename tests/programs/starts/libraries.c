/* Libraries that were loaded while the program ran: by dlopen(3), with RTLD_DEEPBIND, into a namespace of their own (dlmopen), and one that was unloaded again. What was
 * found in them works afterwards, and all of it can be done again. */
#include <dlfcn.h>

#include "stasis_test.h"

typedef double (*function_of)(double);

/* A function of the mathematics library that is known by its value. */
static function_of square_root(void *library) {
  CHECK(library != NULL);
  const function_of found = (function_of)dlsym(library, "sqrt");
  CHECK(found != NULL && found(81.0) == 9.0);
  return found;
}
static pid_t (*fork_of(void *library))(void) {
  pid_t (*found)(void) = (pid_t (*)(void))dlsym(library, "fork");
  CHECK(found != NULL);
  return found;
}
static void forks(pid_t (*function)(void)) {
  int status;
  const pid_t child = function();
  if (child == 0) _exit(4);
  CHECK(child > 0 && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 4);
}

int main(void) {
  void *plain = dlopen("libm.so.6", RTLD_NOW), *deep = dlopen("libresolv.so.2", RTLD_NOW | RTLD_DEEPBIND | RTLD_LOCAL);
  void *apart = dlmopen(LM_ID_NEWLM, "libm.so.6", RTLD_NOW), *apart_c = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
  CHECK(deep != NULL && apart_c != NULL);
  const function_of here = square_root(plain), there = square_root(apart);
  CHECK(here != there);
  forks(fork_of(apart_c));
  void *gone = dlopen("libutil.so.1", RTLD_NOW | RTLD_LOCAL);
  CHECK(gone != NULL && dlclose(gone) == 0);

  ready_and_wait();

  CHECK(here(64.0) == 8.0 && there(25.0) == 5.0 && square_root(plain) == here && square_root(apart) == there);
  forks(fork_of(apart_c));
  CHECK(dlclose(apart) == 0 && dlclose(deep) == 0);
  void *again = dlmopen(LM_ID_NEWLM, "libm.so.6", RTLD_NOW);
  square_root(again);
  gone = dlopen("libutil.so.1", RTLD_NOW | RTLD_LOCAL);
  CHECK(gone != NULL && dlclose(gone) == 0 && dlclose(again) == 0);
  return pass();
}
