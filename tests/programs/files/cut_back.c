/* A log that is written line by line holds every line once, whatever was written between checkpoint and kill. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "stasis_test.h"

static atomic_int lines, stop;
static void *work(void *file) {
  while (!atomic_load(&stop)) {
    fprintf(file, "line %d\n", atomic_load(&lines));
    fflush(file);
    atomic_fetch_add(&lines, 1);
    usleep(200);
  }
  return NULL;
}

int main(void) {
  pthread_t thread;
  FILE *file = fopen("log", "w");
  CHECK(file != NULL && pthread_create(&thread, NULL, work, file) == 0);
  while (atomic_load(&lines) < 20) sched_yield();

  ready_and_wait();

  const int then = atomic_load(&lines);
  while (atomic_load(&lines) < then + 20) sched_yield();
  atomic_store(&stop, 1);
  CHECK(pthread_join(thread, NULL) == 0 && fclose(file) == 0);
  file = fopen("log", "r");
  int number;
  for (int i = 0; i < lines; i++) CHECK(fscanf(file, "line %d\n", &number) == 1 && number == i);
  CHECK(fgetc(file) == EOF);
  return pass();
}
