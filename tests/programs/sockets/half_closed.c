/* Half-closed connections: UNIX and TCP ends that were shut in one or both directions, with bytes still to be read, and ends whose peer is gone. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "stasis_test.h"

static void make(int inet, int ends[2]) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  if (!inet) {
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    return;
  }
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0 && getsockname(listener, (struct sockaddr *)&address, &size) == 0);
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(connect(ends[0], (struct sockaddr *)&address, sizeof address) == 0);
  ends[1] = accept(listener, NULL, NULL);
  CHECK(ends[1] >= 0 && close(listener) == 0);
}

static void read_all(int fd, const char *text) {
  char bytes[32];
  CHECK(recv(fd, bytes, strlen(text), MSG_WAITALL) == (ssize_t)strlen(text) && memcmp(bytes, text, strlen(text)) == 0);
}

int main(void) {
  int one[2][2], both[2][2], gone[2][2], read_only[2][2], reset[2][2];
  char byte;
  signal(SIGPIPE, SIG_IGN);
  for (int inet = 0; inet != 2; inet++) {
    make(inet, one[inet]), make(inet, both[inet]), make(inet, gone[inet]), make(inet, read_only[inet]), make(inet, reset[inet]);
    CHECK(write(one[inet][0], "last", 4) == 4 && shutdown(one[inet][0], SHUT_WR) == 0);
    CHECK(write(both[inet][0], "a", 1) == 1 && shutdown(both[inet][0], SHUT_WR) == 0 && shutdown(both[inet][1], SHUT_WR) == 0);
    CHECK(write(gone[inet][0], "farewell", 8) == 8 && close(gone[inet][0]) == 0);
    CHECK(shutdown(read_only[inet][0], SHUT_RD) == 0);
    CHECK(write(reset[inet][1], "never read", 10) == 10 && close(reset[inet][0]) == 0); /* a reset: data was unread */
  }
  ready_and_wait();

  for (int inet = 0; inet != 2; inet++) {
    read_all(one[inet][1], "last");
    CHECK(read(one[inet][1], &byte, 1) == 0 && write(one[inet][0], "x", 1) == -1 && errno == EPIPE);
    CHECK(write(one[inet][1], "answer", 6) == 6);
    read_all(one[inet][0], "answer");
    CHECK(close(one[inet][1]) == 0 && read(one[inet][0], &byte, 1) == 0);
    read_all(both[inet][1], "a");
    CHECK(read(both[inet][1], &byte, 1) == 0 && read(both[inet][0], &byte, 1) == 0 && write(both[inet][1], "x", 1) == -1 && errno == EPIPE);
    read_all(gone[inet][1], "farewell");
    CHECK(read(gone[inet][1], &byte, 1) == 0);
    CHECK(read(read_only[inet][0], &byte, 1) == 0 && write(read_only[inet][0], "fine", 4) == 4);
    read_all(read_only[inet][1], "fine");
    CHECK(read(reset[inet][1], &byte, 1) == -1 && errno == ECONNRESET);
    CHECK(read(reset[inet][1], &byte, 1) == 0);
  }
  return pass();
}
