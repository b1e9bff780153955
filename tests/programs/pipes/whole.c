/* Writes of more than a pipe or a FIFO holds stand still in the middle, and each returns once, when everything is written: write, writev with entries of all lengths, by function and by number, in threads and in
 * processes of one thread. */
#include <pthread.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "stasis_test.h"

enum { kBytes = 1000000, kCases = 4, kAll = 2 * kCases };
static char bytes[kBytes], got[kBytes + 1];
static int ways[kAll][2];
static const long call_of[kCases] = {SYS_write, SYS_writev, SYS_write, SYS_pwritev2};
static struct iovec parts[1024];
static int count;

static void cut(void) {
  for (size_t done = 0; done < kBytes; count++) {
    size_t length = count % 5 == 3 ? 0 : (size_t)count * 977 % 9001 + 1;
    if (length > kBytes - done) length = kBytes - done;
    parts[count] = (struct iovec){bytes + done, length};
    done += length;
  }
}

static void write_whole(long which) {
  const int fd = ways[which][1];
  switch (which % kCases) {
    case 0: CHECK(write(fd, bytes, kBytes) == kBytes); break;
    case 1: CHECK(writev(fd, parts, count) == kBytes); break;
    case 2: CHECK(syscall(SYS_write, fd, bytes, kBytes) == kBytes); break;
    case 3: CHECK(pwritev2(fd, parts, count, -1, 0) == kBytes); break;
  }
  CHECK(close(fd) == 0);
}

static pid_t tids[kCases];
static int up[2];
static void *writer(void *which) {
  tids[(long)which] = (pid_t)syscall(SYS_gettid);
  signal_event(up[1]);
  write_whole((long)which);
  return NULL;
}

int main(void) {
  pthread_t threads[kCases];
  pid_t children[kCases];
  int status;
  fill(bytes, kBytes, 1);
  cut();
  CHECK(pipe(up) == 0);
  for (int i = 0; i < kAll; i++) {
    char name[16];
    snprintf(name, sizeof name, "fifo%d", i);
    if (i % 3 != 0) CHECK(pipe2(ways[i], O_CLOEXEC) == 0);
    else CHECK(mkfifo(name, 0600) == 0 && (ways[i][0] = open(name, O_RDONLY | O_NONBLOCK)) >= 0 && fcntl(ways[i][0], F_SETFL, 0) == 0 && (ways[i][1] = open(name, O_WRONLY)) >= 0);
  }
  for (long i = 0; i < kCases; i++) {
    if ((children[i] = fork()) == 0) {
      for (int other = 0; other < kCases + (int)i; other++) close(ways[other][1]); /* nobody else keeps them open */
      for (int other = kCases + (int)i + 1; other < kAll; other++) close(ways[other][1]);
      write_whole(kCases + i);
      _exit(0);
    }
    CHECK(close(ways[kCases + i][1]) == 0);
  }
  for (long i = 0; i < kCases; i++) {
    CHECK(pthread_create(&threads[i], NULL, writer, (void *)i) == 0);
    wait_for_event(up[0]);
  }
  for (int i = 0; i < kCases; i++) until_blocked_in(tids[i], call_of[i]), until_blocked_in(children[i], call_of[i]);

  ready_and_wait();

  for (int i = 0; i < kAll; i++) {
    size_t have = 0;
    for (ssize_t n; (n = read(ways[i][0], got + have, sizeof got - have)) > 0;) have += (size_t)n;
    CHECK(have == kBytes && memcmp(got, bytes, kBytes) == 0);
  }
  for (int i = 0; i < kCases; i++) CHECK(pthread_join(threads[i], NULL) == 0 && waitpid(children[i], &status, 0) == children[i] && status == 0);
  return pass();
}
