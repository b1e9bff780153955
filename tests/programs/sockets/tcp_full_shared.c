/* Full TCP connections that several processes share, one with buffers that were set: one writes and one reads all the time, and a third has an end or both and does nothing. */
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "stasis_test.h"

enum { kConnections = 2, kMuch = 24 << 20 };
static int ends[kConnections][2], start[2], go[2], up[2];

/* `buffers`: of both ends, 0 as the kernel likes. Those that are set it does not widen for what is under way, which is taken out then on any machine. */
static void make(int pair[2], int buffers) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0 && getsockname(listener, (struct sockaddr *)&address, &size) == 0);
  pair[0] = socket(AF_INET, SOCK_STREAM, 0);
  if (buffers != 0) CHECK(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &buffers, sizeof buffers) == 0 && setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &buffers, sizeof buffers) == 0);
  CHECK(connect(pair[0], (struct sockaddr *)&address, sizeof address) == 0);
  pair[1] = accept(listener, NULL, NULL);
  CHECK(pair[1] >= 0 && close(listener) == 0);
}

static char at(size_t place, int seed) { return (char)((place * 2654435761u >> 13) + (unsigned)seed); }

/* Keeps the connection full. */
static void be_writer(int fd, int seed) {
  char bytes[65536];
  for (size_t sent = 0, length; sent != kMuch; sent += length) {
    length = kMuch - sent < sizeof bytes ? kMuch - sent : sizeof bytes;
    for (size_t i = 0; i != length; i++) bytes[i] = at(sent + i, seed);
    for (size_t done = 0; done != length;) {
      const ssize_t n = write(fd, bytes + done, length - done);
      CHECK(n > 0);
      done += (size_t)n;
    }
  }
  _exit(0);
}

/* Byte by byte until told to go on; the kernel lets hardly anything come over meanwhile. */
static void be_reader(int fd, int seed) {
  wait_for_event(start[0]);
  char bytes[65536];
  size_t piece = 1, told = 0;
  for (size_t have = 0; have != kMuch;) {
    if (piece == 1 && have % 64 == 0) {
      struct pollfd event = {go[0], POLLIN, 0};
      if (poll(&event, 1, 0) == 1) piece = sizeof bytes;
    }
    const ssize_t n = read(fd, bytes, piece);
    CHECK(n > 0);
    for (ssize_t i = 0; i != n; i++) CHECK(bytes[i] == at(have + (size_t)i, seed));
    have += (size_t)n;
    if (told == 0 && have >= 4096) signal_event(up[1]), told = 1;
  }
  CHECK(recv(fd, bytes, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
  _exit(0);
}

int main(void) {
  pid_t children[1 + 2 * kConnections];
  int status;
  CHECK(pipe(start) == 0 && pipe(go) == 0 && pipe(up) == 0);
  for (int i = 0; i != kConnections; i++) make(ends[i], i == 0 ? 65536 : 0);
  /* The one that comes first takes the bytes out and sends them again: here it has the receiving end of the first connection, and both of the second. */
  if ((children[0] = fork()) == 0) {
    CHECK(close(ends[0][0]) == 0);
    signal_event(up[1]);
    wait_for_event(go[0]);
    _exit(0);
  }
  for (int i = 0; i != kConnections; i++) {
    if ((children[1 + 2 * i] = fork()) == 0) {
      CHECK(close(ends[i][1]) == 0);
      be_writer(ends[i][0], i);
    }
    if ((children[2 + 2 * i] = fork()) == 0) be_reader(ends[i][1], i);
  }
  for (int i = 0; i != kConnections; i++) {
    for (int unsent = 0; unsent < 1 << 16;) CHECK(ioctl(ends[i][0], TIOCOUTQ, &unsent) == 0);
    until_blocked_in(children[1 + 2 * i], SYS_write);
  }
  for (int i = 0; i != kConnections; i++) signal_event(start[1]);
  for (int i = 0; i != kConnections; i++) CHECK(close(ends[i][0]) == 0 && close(ends[i][1]) == 0);
  for (int i = 0; i != 1 + kConnections; i++) wait_for_event(up[0]);
  ready_and_wait();

  signal_event(go[1]), signal_event(go[1]);
  for (int i = 1; i != 1 + 2 * kConnections; i++) CHECK(waitpid(children[i], &status, 0) == children[i] && status == 0);
  /* It may have been killed in a checkpoint, without harm to the others. */
  CHECK(waitpid(children[0], &status, 0) == children[0] && (status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)));
  return pass();
}
