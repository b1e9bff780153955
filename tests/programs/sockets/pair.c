/* UNIX socket pairs: stream, datagram and packet pairs between processes, with unread content of both directions, message boundaries, options and credentials. */
#include <sys/socket.h>

#include "stasis_test.h"

enum { kBytes = 60000 };
static char sent[kBytes], got[kBytes];

static void check_credentials(int fd, pid_t pid) {
  struct ucred who;
  socklen_t size = sizeof who;
  CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.pid == pid && who.uid == getuid() && who.gid == getgid());
}

static void read_stream(int fd, unsigned seed) {
  size_t have = 0;
  for (ssize_t n; have < kBytes && (n = read(fd, got + have, kBytes - have)) > 0;) have += (size_t)n;
  CHECK(have == kBytes && is_filled(got, kBytes, seed));
}

int main(void) {
  int stream[2], packets[2], datagrams[2], go[2], status, wide = 30000, value;
  socklen_t size = sizeof value;
  const struct timeval limit = {7, 500000};
  struct timeval seen;
  socklen_t seen_size = sizeof seen;
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, stream) == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, packets) == 0);
  CHECK(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, datagrams) == 0 && pipe(go) == 0);
  CHECK(setsockopt(stream[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) == 0 && setsockopt(packets[1], SOL_SOCKET, SO_SNDBUF, &wide, sizeof wide) == 0);
  CHECK(getsockopt(packets[1], SOL_SOCKET, SO_SNDBUF, &wide, &size) == 0);

  fill(sent, kBytes, 1);
  CHECK(write(stream[1], sent, kBytes) == kBytes);
  fill(sent, kBytes, 2);
  CHECK(write(stream[0], sent, kBytes) == kBytes);
  CHECK(send(packets[0], "one", 3, 0) == 3 && send(packets[0], "three", 5, 0) == 5 && send(packets[1], "back", 4, 0) == 4);
  CHECK(send(datagrams[0], "first", 5, 0) == 5 && send(datagrams[0], "", 0, 0) == 0 && send(datagrams[0], "second", 6, 0) == 6);
  const pid_t parent = getpid(), child = fork();
  if (child == 0) {
    wait_for_event(go[0]);
    check_credentials(stream[1], parent);
    read_stream(stream[1], 2);
    CHECK(write(stream[1], "done", 4) == 4);
    _exit(0);
  }
  ready_and_wait();

  signal_event(go[1]);
  check_credentials(stream[0], parent);
  check_credentials(datagrams[1], parent);
  CHECK(getsockopt(stream[0], SOL_SOCKET, SO_RCVTIMEO, &seen, &seen_size) == 0 && seen.tv_sec == 7 && seen.tv_usec == 500000);
  CHECK(getsockopt(packets[1], SOL_SOCKET, SO_SNDBUF, &value, &size) == 0 && value == wide);
  CHECK((fcntl(datagrams[0], F_GETFL) & O_NONBLOCK) != 0 && (fcntl(stream[0], F_GETFL) & O_NONBLOCK) == 0 && fcntl(packets[0], F_GETFD) == FD_CLOEXEC);
  read_stream(stream[0], 1);
  CHECK(read(stream[0], got, 10) == 4 && memcmp(got, "done", 4) == 0);
  CHECK(recv(packets[1], got, sizeof got, 0) == 3 && recv(packets[1], got, sizeof got, 0) == 5 && memcmp(got, "three", 5) == 0);
  CHECK(recv(packets[1], got, sizeof got, MSG_DONTWAIT) == -1 && errno == EAGAIN && recv(packets[0], got, sizeof got, 0) == 4);
  CHECK(recv(datagrams[1], got, sizeof got, 0) == 5 && recv(datagrams[1], got, sizeof got, 0) == 0 && recv(datagrams[1], got, sizeof got, 0) == 6);
  CHECK(recv(datagrams[1], got, sizeof got, 0) == -1 && errno == EAGAIN);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(send(datagrams[1], "x", 1, 0) == 1 && recv(datagrams[0], got, sizeof got, 0) == 1);
  return pass();
}
