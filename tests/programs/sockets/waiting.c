/* Listeners with connections that are not accepted yet: UNIX by path and abstract, TCP, in their order, and threads that wait in accept and connect. */
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "stasis_test.h"

enum { kClients = 3 };

static int tcp_listener(struct sockaddr_in *address) {
  socklen_t size = sizeof *address;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  CHECK(bind(fd, (struct sockaddr *)address, sizeof *address) == 0 && listen(fd, 8) == 0 && getsockname(fd, (struct sockaddr *)address, &size) == 0);
  return fd;
}

static void *wait_for_client(void *listener) {
  const int fd = accept(*(int *)listener, NULL, NULL);
  CHECK(fd >= 0 && write(fd, "!", 1) == 1 && close(fd) == 0);
  return NULL;
}

int main(void) {
  struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "service"};
  struct sockaddr_in address, idle_address;
  int by_path = socket(AF_UNIX, SOCK_STREAM, 0), idle, clients[kClients], callers[kClients];
  char byte;
  pthread_t thread;
  CHECK(bind(by_path, (struct sockaddr *)&path, sizeof path) == 0 && listen(by_path, 8) == 0);
  const int tcp = tcp_listener(&address);
  idle = tcp_listener(&idle_address);
  for (int i = 0; i != kClients; i++) {
    clients[i] = socket(AF_UNIX, SOCK_STREAM, 0), callers[i] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(clients[i], (struct sockaddr *)&path, sizeof path) == 0 && connect(callers[i], (struct sockaddr *)&address, sizeof address) == 0);
  }
  CHECK(pthread_create(&thread, NULL, wait_for_client, &idle) == 0);
  ready_and_wait();

  for (int i = 0; i != kClients; i++) {
    CHECK(write(clients[i], &(char){'a' + i}, 1) == 1 && write(callers[i], &(char){'A' + i}, 1) == 1);
  }
  for (int i = 0; i != kClients; i++) {
    const int fd = accept(by_path, NULL, NULL), other = accept(tcp, NULL, NULL);
    CHECK(fd >= 0 && read(fd, &byte, 1) == 1 && byte == 'a' + i);
    CHECK(other >= 0 && read(other, &byte, 1) == 1 && byte == 'A' + i);
  }
  CHECK(fcntl(tcp, F_SETFL, O_NONBLOCK) == 0 && accept(tcp, NULL, NULL) == -1 && errno == EAGAIN);
  const int late = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(late, (struct sockaddr *)&idle_address, sizeof idle_address) == 0 && read(late, &byte, 1) == 1 && byte == '!');
  CHECK(pthread_join(thread, NULL) == 0);
  return pass();
}
