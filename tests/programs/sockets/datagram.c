/* UNIX datagram sockets: bound by path and in the abstract space, senders with, without and no longer with a name, connected ones, boundaries kept. */
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "stasis_test.h"

static char got[70000], big[66000];

static socklen_t name(struct sockaddr_un *address, const char *text) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, text, strlen(text));
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(text) + 1);
}

static int bound(const char *text) {
  struct sockaddr_un address;
  const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  CHECK(fd >= 0);
  if (text != NULL) {
    const socklen_t size = name(&address, text);
    CHECK(bind(fd, (struct sockaddr *)&address, size) == 0);
  }
  return fd;
}

static void send_to(int fd, const char *text, const void *bytes, size_t size) {
  struct sockaddr_un address;
  const socklen_t length = name(&address, text);
  CHECK(sendto(fd, bytes, size, 0, (struct sockaddr *)&address, length) == (ssize_t)size);
}

static void receive(int fd, const char *bytes, size_t size, const char *sender) {
  struct sockaddr_un seen, wanted;
  socklen_t length = sizeof seen;
  CHECK(recvfrom(fd, got, sizeof got, MSG_DONTWAIT, (struct sockaddr *)&seen, &length) == (ssize_t)size && memcmp(got, bytes, size) == 0);
  if (sender == NULL) CHECK(length == 0 || length == sizeof(sa_family_t));
  else CHECK(length == name(&wanted, sender) && memcmp(&seen, &wanted, length) == 0);
}

int main(void) {
  struct sockaddr_un address;
  const int server = bound("server"), named = bound("client"), unnamed = bound(NULL), gone = bound("gone"), connected = bound("connected");
  CHECK(connect(connected, (struct sockaddr *)&address, name(&address, "server")) == 0);
  fill(big, sizeof big, 3);
  send_to(named, "server", "from named", 10);
  send_to(unnamed, "server", "from unnamed", 12);
  send_to(gone, "server", "from gone", 9);
  send_to(named, "server", big, sizeof big);
  CHECK(send(connected, "connected", 9, 0) == 9);
  send_to(server, "connected", "answer", 6);
  CHECK(close(gone) == 0 && unlink("gone") == 0);
  ready_and_wait();

  receive(server, "from named", 10, "client");
  receive(server, "from unnamed", 12, NULL);
  receive(server, "from gone", 9, "gone");
  receive(server, big, sizeof big, "client");
  receive(server, "connected", 9, "connected");
  CHECK(recv(server, got, sizeof got, MSG_DONTWAIT) == -1 && errno == EAGAIN);
  receive(connected, "answer", 6, "server");
  CHECK(access("gone", F_OK) != 0 && access("server", F_OK) == 0);
  send_to(server, "client", "new", 3);
  receive(named, "new", 3, "server");
  CHECK(send(connected, "still", 5, 0) == 5);
  receive(server, "still", 5, "connected");
  return pass();
}
