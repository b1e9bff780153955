/* TCP connections over IPv4, IPv6 and both: unread bytes of both directions, addresses, options, a listener that goes on, a reader that waits. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "stasis_test.h"

enum { kBytes = 50000 };
static char sent[kBytes], got[kBytes];

struct connection {
  int listener, client, server;
  struct sockaddr_storage client_name, server_name;
};

static void names(int fd, struct sockaddr_storage *own, struct sockaddr_storage *peer) {
  socklen_t size = sizeof *own;
  memset(own, 0, sizeof *own), memset(peer, 0, sizeof *peer);
  CHECK(getsockname(fd, (struct sockaddr *)own, &size) == 0);
  size = sizeof *peer;
  CHECK(getpeername(fd, (struct sockaddr *)peer, &size) == 0);
}

/* `from` and `at`: AF_INET or AF_INET6 of the client and of the listener, which if they differ takes both. */
static struct connection make(int from, int at) {
  struct connection made;
  struct sockaddr_in6 six = {.sin6_family = AF_INET6};
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof six;
  made.listener = socket(at, SOCK_STREAM, 0), made.client = socket(from, SOCK_STREAM, 0);
  if (from == AF_INET6) six.sin6_addr = in6addr_loopback;
  CHECK(bind(made.listener, at == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six, at == AF_INET ? sizeof four : sizeof six) == 0);
  CHECK(listen(made.listener, 3) == 0);
  CHECK(getsockname(made.listener, (struct sockaddr *)&six, &size) == 0); /* both families have the port in one place */
  four.sin_port = six.sin6_port;
  if (from == AF_INET6) six.sin6_addr = in6addr_loopback;
  CHECK(connect(made.client, from == AF_INET ? (struct sockaddr *)&four : (struct sockaddr *)&six, from == AF_INET ? sizeof four : sizeof six) == 0);
  made.server = accept(made.listener, NULL, NULL);
  CHECK(made.server >= 0);
  struct sockaddr_storage unused;
  names(made.client, &made.client_name, &unused);
  names(made.server, &made.server_name, &unused);
  return made;
}

static int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  CHECK(getsockopt(fd, level, name, &value, &size) == 0);
  return value;
}
static void set(int fd, int level, int name, int value) { CHECK(setsockopt(fd, level, name, &value, sizeof value) == 0); }

static void check(const struct connection *one) {
  struct sockaddr_storage own, peer;
  names(one->client, &own, &peer);
  CHECK(memcmp(&own, &one->client_name, sizeof own) == 0);
  names(one->server, &own, &peer);
  CHECK(memcmp(&own, &one->server_name, sizeof own) == 0);
  CHECK(recv(one->server, got, kBytes, MSG_WAITALL) == kBytes && is_filled(got, kBytes, 1));
  CHECK(recv(one->client, got, 5, MSG_WAITALL) == 5 && memcmp(got, "short", 5) == 0);
  CHECK(recv(one->client, got, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
  CHECK(write(one->client, "new", 3) == 3 && recv(one->server, got, 3, MSG_WAITALL) == 3 && memcmp(got, "new", 3) == 0);
  CHECK(write(one->server, "old", 3) == 3 && recv(one->client, got, 3, MSG_WAITALL) == 3 && memcmp(got, "old", 3) == 0);
}

int main(void) {
  struct connection all[3] = {make(AF_INET, AF_INET), make(AF_INET6, AF_INET6), make(AF_INET, AF_INET6)};
  int up[2], status;
  fill(sent, kBytes, 1);
  for (int i = 0; i != 3; i++) CHECK(write(all[i].client, sent, kBytes) == kBytes && write(all[i].server, "short", 5) == 5);
  set(all[0].client, IPPROTO_TCP, TCP_NODELAY, 1), set(all[0].client, SOL_SOCKET, SO_KEEPALIVE, 1), set(all[0].client, IPPROTO_TCP, TCP_KEEPIDLE, 77);
  set(all[0].server, SOL_SOCKET, SO_RCVBUF, 100000), set(all[1].client, IPPROTO_IPV6, IPV6_TCLASS, 16), set(all[0].server, IPPROTO_IP, IP_TOS, 8);
  const int buffer = option(all[0].server, SOL_SOCKET, SO_RCVBUF), priority = option(all[0].server, SOL_SOCKET, SO_PRIORITY);
  CHECK(pipe(up) == 0);
  struct connection waited = make(AF_INET, AF_INET);
  const pid_t child = fork();
  if (child == 0) {
    signal_event(up[1]);
    _exit(recv(waited.client, got, 4, MSG_WAITALL) == 4 && memcmp(got, "wake", 4) == 0 ? 0 : 1);
  }
  wait_for_event(up[0]);
  ready_and_wait();

  for (int i = 0; i != 3; i++) check(&all[i]);
  CHECK(option(all[0].client, IPPROTO_TCP, TCP_NODELAY) == 1 && option(all[0].client, SOL_SOCKET, SO_KEEPALIVE) == 1 && option(all[0].client, IPPROTO_TCP, TCP_KEEPIDLE) == 77);
  CHECK(option(all[0].server, SOL_SOCKET, SO_RCVBUF) == buffer && option(all[0].server, SOL_SOCKET, SO_PRIORITY) == priority && option(all[0].server, IPPROTO_IP, IP_TOS) == 8);
  CHECK(option(all[1].client, IPPROTO_IPV6, IPV6_TCLASS) == 16);
  CHECK(write(waited.server, "wake", 4) == 4 && waitpid(child, &status, 0) == child && status == 0);
  const int late = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(late, (struct sockaddr *)&all[0].server_name, sizeof(struct sockaddr_in)) == 0 && accept(all[0].listener, NULL, NULL) >= 0);
  return pass();
}
