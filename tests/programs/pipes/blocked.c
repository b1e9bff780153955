/* A reader blocked on an empty pipe and a writer blocked on a full one, in threads and processes: no byte lost, none doubled. */
#include <pthread.h>

#include "stasis_test.h"

enum { kBytes = 300000 };
static int empty[2], full[2], up[2];
static char bytes[kBytes], got[kBytes], seen[kBytes];

static void *reader(void *unused) {
  size_t have = 0;
  signal_event(up[1]);
  for (ssize_t n; have < sizeof got && (n = read(empty[0], got + have, sizeof got - have)) > 0;) have += (size_t)n;
  CHECK(have == sizeof got && memcmp(got, bytes, sizeof got) == 0);
  return unused;
}
static int writer(void) {
  size_t done = 0;
  signal_event(up[1]);
  for (ssize_t n; done < sizeof bytes && (n = write(full[1], bytes + done, sizeof bytes - done)) > 0;) done += (size_t)n;
  return done == sizeof bytes ? 0 : 1;
}

int main(void) {
  pthread_t thread;
  fill(bytes, sizeof bytes, 1);
  CHECK(pipe(empty) == 0 && pipe(full) == 0 && pipe(up) == 0);
  CHECK(pthread_create(&thread, NULL, reader, NULL) == 0);
  const pid_t child = fork();
  if (child == 0) _exit(writer());
  wait_for_event(up[0]);
  wait_for_event(up[0]);

  ready_and_wait();

  for (size_t done = 0; done < sizeof bytes;) {
    const ssize_t n = write(empty[1], bytes + done, sizeof bytes - done > 7777 ? 7777 : sizeof bytes - done);
    CHECK(n > 0);
    done += (size_t)n;
  }
  CHECK(pthread_join(thread, NULL) == 0);
  size_t have = 0;
  for (ssize_t n; have < sizeof seen && (n = read(full[0], seen + have, sizeof seen - have)) > 0;) have += (size_t)n;
  CHECK(have == sizeof seen && memcmp(seen, bytes, sizeof seen) == 0);
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  return pass();
}
