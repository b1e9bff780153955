/* The main thread has ended with pthread_exit; the process lives on in another thread. */
#include <pthread.h>

#include "stasis_test.h"

static pthread_t main_thread;

static void *work(void *unused) {
  (void)unused;
  CHECK(pthread_join(main_thread, NULL) == 0);
  ready_and_wait();
  pass();
  exit(0);
}

int main(void) {
  pthread_t thread;
  main_thread = pthread_self();
  CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
  pthread_exit(NULL);
}
