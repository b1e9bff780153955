/* Pipes keep their content: some bytes, a full one, a changed capacity, packets, one with its writer gone, one end in a child. */
#include "stasis_test.h"

int main(void) {
  static char bytes[200000], seen[200000];
  int closed[2], some[2], full[2], sized[2], packets[2], half[2], shared[2];
  fill(bytes, sizeof bytes, 1);
  CHECK(pipe(some) == 0 && pipe2(full, O_NONBLOCK | O_CLOEXEC) == 0 && pipe(sized) == 0);
  CHECK(pipe2(packets, O_DIRECT) == 0 && pipe(half) == 0 && pipe(shared) == 0);
  CHECK(write(some[1], bytes, 1000) == 1000 && read(some[0], seen, 100) == 100);
  CHECK(write(full[1], bytes, sizeof bytes) == 65536 && write(full[1], bytes, 1) == -1 && errno == EAGAIN);
  CHECK(fcntl(sized[1], F_SETPIPE_SZ, 4096) == 4096 && write(sized[1], bytes, 4096) == 4096);
  CHECK(write(packets[1], "one", 3) == 3 && write(packets[1], "three", 5) == 5);
  CHECK(write(half[1], "last words", 10) == 10 && close(half[1]) == 0);
  CHECK(pipe(closed) == 0);
  const pid_t child = fork();
  if (child == 0) {
    CHECK(close(shared[1]) == 0);
    signal_event(closed[1]);
    CHECK(read(shared[0], seen, 5) == 5 && memcmp(seen, "hello", 5) == 0);
    CHECK(read(shared[0], seen, 1) == 0);
    _exit(0);
  }
  close(shared[0]);
  wait_for_event(closed[0]);

  ready_and_wait();

  CHECK(read(some[0], seen, sizeof seen) == 900 && memcmp(seen, bytes + 100, 900) == 0);
  CHECK(fcntl(full[0], F_GETFL) & O_NONBLOCK && write(full[1], bytes, 1) == -1 && errno == EAGAIN);
  size_t got = 0;
  for (ssize_t n; (n = read(full[0], seen + got, sizeof seen - got)) > 0;) got += (size_t)n;
  CHECK(errno == EAGAIN && got == 65536 && memcmp(seen, bytes, got) == 0);
  CHECK(fcntl(sized[0], F_GETPIPE_SZ) == 4096 && read(sized[0], seen, sizeof seen) == 4096 && memcmp(seen, bytes, 4096) == 0);
  CHECK(read(packets[0], seen, 100) == 3 && read(packets[0], seen, 100) == 5 && memcmp(seen, "three", 5) == 0);
  CHECK(read(half[0], seen, 100) == 10 && memcmp(seen, "last words", 10) == 0 && read(half[0], seen, 1) == 0);
  CHECK(write(shared[1], "hello", 5) == 5 && close(shared[1]) == 0);
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(signal(SIGPIPE, SIG_IGN) != SIG_ERR && close(some[0]) == 0 && write(some[1], "x", 1) == -1 && errno == EPIPE);
  return pass();
}
