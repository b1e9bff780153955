/* Threads and processes in the middle of opening a FIFO that has no other end yet, for reading and for writing: they wait on, and meet whoever opens the other end afterwards. */
#include <pthread.h>
#include <sys/stat.h>

#include "stasis_test.h"

static int up[2];
static void *read_it(void *argument) {
  char byte = 0;
  const pid_t own = gettid();
  CHECK(write(up[1], &own, sizeof own) == sizeof own);
  const int fd = open("to_thread", O_RDONLY);
  CHECK(fd >= 0 && read(fd, &byte, 1) == 1 && byte == 't' && read(fd, &byte, 1) == 0);
  return argument;
}
int main(void) {
  pthread_t thread;
  int status;
  pid_t opener;
  CHECK(pipe(up) == 0 && mkfifo("to_thread", 0600) == 0 && mkfifo("from_child", 0600) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const int fd = open("from_child", O_WRONLY);
    CHECK(fd >= 0 && write(fd, "c", 1) == 1);
    _exit(9);
  }
  CHECK(pthread_create(&thread, NULL, read_it, up) == 0);
  until_blocked_in(child, SYS_openat);
  CHECK(read(up[0], &opener, sizeof opener) == sizeof opener);
  until_blocked_in(opener, SYS_openat);

  ready_and_wait();

  char byte = 0;
  void *result;
  CHECK(waitpid(child, &status, WNOHANG) == 0);
  const int from = open("from_child", O_RDONLY);
  CHECK(from >= 0 && read(from, &byte, 1) == 1 && byte == 'c' && waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 9);
  const int to = open("to_thread", O_WRONLY);
  CHECK(to >= 0 && write(to, "t", 1) == 1 && close(to) == 0 && pthread_join(thread, &result) == 0 && result == up);
  return pass();
}
