/* Full TCP connections: one that is full in both directions, one between processes, and one with a writer blocked on it. */
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "stasis_test.h"

static void make(int ends[2]) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0 && getsockname(listener, (struct sockaddr *)&address, &size) == 0);
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(ends[0], (struct sockaddr *)&address, sizeof address) == 0);
  ends[1] = accept(listener, NULL, NULL);
  CHECK(ends[1] >= 0 && close(listener) == 0);
}

/* What the byte at a place in a stream is. */
static char at(size_t place, int seed) { return (char)((place * 2654435761u >> 13) + (unsigned)seed); }

static size_t fill_up(int fd, int seed) {
  size_t sent = 0;
  char bytes[4096];
  for (;;) {
    for (size_t i = 0; i != sizeof bytes; i++) bytes[i] = at(sent + i, seed);
    const ssize_t n = send(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0) break;
    sent += (size_t)n;
  }
  CHECK(errno == EAGAIN);
  return sent;
}

static void drain(int fd, size_t size, int seed) {
  char bytes[4096];
  for (size_t have = 0; have < size;) {
    const ssize_t n = read(fd, bytes, size - have < sizeof bytes ? size - have : sizeof bytes);
    CHECK(n > 0);
    for (ssize_t i = 0; i != n; i++) CHECK(bytes[i] == at(have + (size_t)i, seed));
    have += (size_t)n;
  }
  CHECK(recv(fd, bytes, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
}

enum { kMuch = 48 << 20 }; /* more than the widest buffers of both ends hold */
static int blocked[2], up[2];
static void *writer(void *unused) {
  static char all[kMuch];
  for (size_t i = 0; i != kMuch; i++) all[i] = at(i, 3);
  signal_event(up[1]);
  for (size_t done = 0; done != kMuch;) {
    const ssize_t n = write(blocked[0], all + done, kMuch - done);
    CHECK(n > 0);
    done += (size_t)n;
  }
  return unused;
}

int main(void) {
  int full[2], apart[2], go[2], status;
  pthread_t thread;
  make(full), make(apart), make(blocked);
  CHECK(pipe(up) == 0 && pipe(go) == 0);
  const size_t there = fill_up(full[0], 1), back = fill_up(full[1], 2);
  const size_t down = fill_up(apart[0], 4), home = fill_up(apart[1], 5);
  const pid_t child = fork();
  if (child == 0) {
    CHECK(close(apart[0]) == 0);
    wait_for_event(go[0]);
    drain(apart[1], down, 4);
    _exit(0);
  }
  CHECK(close(apart[1]) == 0);
  CHECK(pthread_create(&thread, NULL, writer, NULL) == 0);
  wait_for_event(up[0]);
  ready_and_wait();

  signal_event(go[1]);
  drain(full[1], there, 1);
  drain(full[0], back, 2);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  for (size_t have = 0; have < home;) { /* the other end is gone by now, having read everything */
    char bytes[4096];
    const ssize_t n = read(apart[0], bytes, sizeof bytes);
    CHECK(n > 0);
    for (ssize_t i = 0; i != n; i++) CHECK(bytes[i] == at(have + (size_t)i, 5));
    have += (size_t)n;
  }
  drain(blocked[1], kMuch, 3);
  CHECK(pthread_join(thread, NULL) == 0);
  return pass();
}
