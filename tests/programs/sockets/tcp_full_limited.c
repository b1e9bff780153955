/* Full TCP connections whose buffers were set: before and after connecting, at one end or both, filled by small and by large writes. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "stasis_test.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif

static void set(int fd, int name, int value) {
  if (value != 0) CHECK(setsockopt(fd, SOL_SOCKET, name, &value, sizeof value) == 0);
}
static int get(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  getsockopt(fd, level, name, &value, &size);
  return value;
}

static const struct setting {
  int early, receive, send; /* before connecting; what is asked for, 0: nothing */
  size_t piece;
  int unsent;               /* TCP_NOTSENT_LOWAT */
} settings[] = {
    {1, 8192, 8192, 1, 0},        {0, 4096, 4096, 1, 0},        {0, 4096, 4096, 65536, 0},     {1, 65536, 65536, 100, 0},     {0, 65536, 65536, 65536, 0},
    {1, 65536, 65536, 1 << 20, 0}, {0, 16384, 0, 4096, 0},       {0, 0, 16384, 4096, 0},        {1, 106496, 106496, 4096, 0}, {0, 65536, 65536, 4096, 16384},
};
enum { kCount = sizeof settings / sizeof settings[0] };
static struct connection {
  int ends[2];
  size_t sent;
  int receive, send, receive_locks, send_locks;
} all[kCount];

static void make(const struct setting *setting, int ends[2]) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  if (setting->early) set(listener, SO_RCVBUF, setting->receive), set(ends[0], SO_SNDBUF, setting->send);
  CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0 && getsockname(listener, (struct sockaddr *)&address, &size) == 0);
  CHECK(connect(ends[0], (struct sockaddr *)&address, sizeof address) == 0);
  ends[1] = accept(listener, NULL, NULL);
  CHECK(ends[1] >= 0 && close(listener) == 0);
  if (!setting->early) set(ends[1], SO_RCVBUF, setting->receive), set(ends[0], SO_SNDBUF, setting->send);
  if (setting->unsent != 0) CHECK(setsockopt(ends[0], IPPROTO_TCP, TCP_NOTSENT_LOWAT, &setting->unsent, sizeof setting->unsent) == 0);
}

static char at(size_t place, int seed) { return (char)((place * 2654435761u >> 13) + (unsigned)seed); }

/* Until nothing goes in, and what is under way has settled: the kernel tells of room when a third of the buffer is free. */
static size_t fill_up(int fd, size_t piece, int seed) {
  static char bytes[1 << 20];
  size_t sent = 0;
  for (;;) {
    for (size_t i = 0; i != piece; i++) bytes[i] = at(sent + i, seed);
    const ssize_t n = send(fd, bytes, piece, MSG_DONTWAIT);
    if (n > 0) sent += (size_t)n;
    if (n > 0) continue;
    CHECK(errno == EAGAIN);
    struct pollfd room = {fd, POLLOUT, 0};
    if (poll(&room, 1, 20) == 0) return sent;
  }
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

int main(void) {
  for (int i = 0; i != kCount; i++) {
    struct connection *one = &all[i];
    make(&settings[i], one->ends);
    one->sent = fill_up(one->ends[0], settings[i].piece, i);
    one->receive = get(one->ends[1], SOL_SOCKET, SO_RCVBUF), one->receive_locks = get(one->ends[1], SOL_SOCKET, SO_BUF_LOCK);
    one->send = get(one->ends[0], SOL_SOCKET, SO_SNDBUF), one->send_locks = get(one->ends[0], SOL_SOCKET, SO_BUF_LOCK);
  }
  ready_and_wait();

  for (int i = 0; i != kCount; i++) {
    const struct connection *one = &all[i];
    CHECK(get(one->ends[1], SOL_SOCKET, SO_BUF_LOCK) == one->receive_locks && get(one->ends[0], SOL_SOCKET, SO_BUF_LOCK) == one->send_locks);
    /* One that was not set the kernel changes as it likes. */
    CHECK((settings[i].receive == 0 || get(one->ends[1], SOL_SOCKET, SO_RCVBUF) == one->receive) && (settings[i].send == 0 || get(one->ends[0], SOL_SOCKET, SO_SNDBUF) == one->send));
    CHECK(get(one->ends[0], IPPROTO_TCP, TCP_NOTSENT_LOWAT) == settings[i].unsent);
    drain(one->ends[1], one->sent, i);
    char byte;
    CHECK(write(one->ends[0], "m", 1) == 1 && read(one->ends[1], &byte, 1) == 1 && byte == 'm');
  }
  return pass();
}
