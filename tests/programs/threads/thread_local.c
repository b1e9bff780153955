/* Thread-local variables: the program's own, those of a library loaded by dlopen, in threads that used them and threads that first use them afterwards, and
 * pthread_getspecific with its destructor. */
#include <dlfcn.h>
#include <pthread.h>

#include "stasis_test.h"

enum { kThreads = 5 };
static __thread long own = 11;
static pthread_key_t key;
static int up[2], go[2], destroyed;
static long *(*zeroed)(void), *(*set)(void);
static char *(*block)(void);

static void destroy(void *value) { __atomic_add_fetch(&destroyed, (int)(size_t)value, __ATOMIC_SEQ_CST); }

static void *thread(void *argument) {
  const long me = (long)argument;
  const int uses = me % 2 == 0; /* the others touch the library's only afterwards */
  CHECK(own == 11 && pthread_setspecific(key, argument) == 0);
  own = me;
  if (uses) *zeroed() = me, *set() = -me, fill(block(), 8192, (unsigned)me);
  long *const at = uses ? zeroed() : NULL, *const own_at = &own;
  signal_event(up[1]);
  wait_for_event(go[0]);
  CHECK(own == me && own_at == &own && pthread_getspecific(key) == argument);
  CHECK(!uses || (at == zeroed() && *zeroed() == me && *set() == -me && is_filled(block(), 8192, (unsigned)me)));
  CHECK(uses || (*zeroed() == 0 && *set() == 77 && block()[8191] == 0));
  return NULL;
}

int main(void) {
  pthread_t threads[kThreads], later;
  CHECK(pipe(up) == 0 && pipe(go) == 0 && pthread_key_create(&key, destroy) == 0);
  void *library = dlopen("./threads_thread_local.so", RTLD_NOW | RTLD_LOCAL);
  CHECK(library != NULL);
  zeroed = (long *(*)(void))dlsym(library, "address_of_zeroed"), set = (long *(*)(void))dlsym(library, "address_of_set");
  block = (char *(*)(void))dlsym(library, "address_of_block");
  CHECK(zeroed != NULL && set != NULL && block != NULL);
  for (long i = 0; i < kThreads; i++) CHECK(pthread_create(&threads[i], NULL, thread, (void *)i) == 0);
  for (int i = 0; i < kThreads; i++) wait_for_event(up[0]);

  ready_and_wait();

  CHECK(pthread_create(&later, NULL, thread, (void *)6) == 0);
  for (int i = 0; i <= kThreads; i++) signal_event(go[1]);
  for (int i = 0; i < kThreads; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  CHECK(pthread_join(later, NULL) == 0 && destroyed == 0 + 1 + 2 + 3 + 4 + 6);
  return pass();
}
