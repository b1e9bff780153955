/* UDP sockets: datagrams that wait, with their senders and boundaries, over IPv4 and IPv6, from connected sockets and from one that is gone. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "stasis_test.h"

static int bound(int family, struct sockaddr_in6 *name) {
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
  const int fd = socket(family, SOCK_DGRAM, 0);
  socklen_t size = sizeof *name;
  CHECK(fd >= 0 && bind(fd, family == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six, family == AF_INET ? sizeof four : sizeof six) == 0);
  CHECK(getsockname(fd, (struct sockaddr *)name, &size) == 0);
  return fd;
}

static void receive(int fd, const char *text, const struct sockaddr_in6 *sender, socklen_t size) {
  char bytes[64];
  struct sockaddr_in6 seen;
  socklen_t length = sizeof seen;
  CHECK(recvfrom(fd, bytes, sizeof bytes, MSG_DONTWAIT, (struct sockaddr *)&seen, &length) == (ssize_t)strlen(text) && memcmp(bytes, text, strlen(text)) == 0);
  CHECK(length == size && memcmp(&seen, sender, size) == 0);
}

static void check(int family) {
  struct sockaddr_in6 server_name, client_name, gone_name;
  const socklen_t size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
  const int server = bound(family, &server_name), client = bound(family, &client_name), gone = bound(family, &gone_name);
  CHECK(connect(client, (struct sockaddr *)&server_name, size) == 0);
  CHECK(send(client, "one", 3, 0) == 3 && send(client, "", 0, 0) == 0 && sendto(gone, "gone", 4, 0, (struct sockaddr *)&server_name, size) == 4 && send(client, "two", 3, 0) == 3);
  CHECK(close(gone) == 0 && sendto(server, "answer", 6, 0, (struct sockaddr *)&client_name, size) == 6);
  if (family == AF_INET6) ready_and_wait();
  else check(AF_INET6);

  receive(server, "one", &client_name, size);
  receive(server, "", &client_name, size);
  receive(server, "gone", &gone_name, size);
  receive(server, "two", &client_name, size);
  receive(client, "answer", &server_name, size);
  CHECK(send(client, "more", 4, 0) == 4);
  receive(server, "more", &client_name, size);
}

int main(void) {
  check(AF_INET);
  return pass();
}
