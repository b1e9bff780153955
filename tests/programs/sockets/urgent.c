/* TCP urgent data: a byte out of band between other bytes, not read yet, and one that was. */
#include <netinet/in.h>
#include <sys/ioctl.h>
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

static void expect(int fd, const char *text, int flags) {
  char bytes[16];
  CHECK(recv(fd, bytes, sizeof bytes, flags) == (ssize_t)strlen(text) && memcmp(bytes, text, strlen(text)) == 0);
}

int main(void) {
  int unread[2], taken[2], mark;
  make(unread), make(taken);
  CHECK(write(unread[0], "before", 6) == 6 && send(unread[0], "!", 1, MSG_OOB) == 1 && write(unread[0], "after", 5) == 5);
  CHECK(write(taken[0], "one", 3) == 3 && send(taken[0], "?", 1, MSG_OOB) == 1);
  expect(taken[1], "?", MSG_OOB);
  CHECK(write(taken[0], "two", 3) == 3);
  ready_and_wait();

  expect(unread[1], "before", 0);
  CHECK(ioctl(unread[1], SIOCATMARK, &mark) == 0 && mark == 1);
  expect(unread[1], "!", MSG_OOB);
  expect(unread[1], "after", 0);
  char bytes[8];
  size_t have = 0;
  while (have < 6) {
    const ssize_t n = read(taken[1], bytes + have, sizeof bytes - have);
    CHECK(n > 0);
    have += (size_t)n;
  }
  CHECK(have == 6 && memcmp(bytes, "onetwo", 6) == 0);
  return pass();
}
