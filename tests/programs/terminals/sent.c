/* Pseudo-terminals: a master and a slave that are only in flight in a UNIX socket, with bytes in both directions. */
#include <poll.h>
#include <pty.h>
#include <sys/socket.h>

#include "terminal_test.h"

static void pass_on(int socket, int* fd, int sends) {
  char byte = 'x', control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec part = {&byte, 1};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr* item = CMSG_FIRSTHDR(&header);
  item->cmsg_level = SOL_SOCKET, item->cmsg_type = SCM_RIGHTS, item->cmsg_len = CMSG_LEN(sizeof(int));
  if (sends) memcpy(CMSG_DATA(item), fd, sizeof *fd);
  CHECK((sends ? sendmsg(socket, &header, 0) : recvmsg(socket, &header, 0)) == 1);
  if (sends) CHECK(close(*fd) == 0);
  else memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof *fd);
}

int main(void) {
  int ends[2], master, slave;
  char name[64], found[64];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && openpty(&master, &slave, name, NULL, NULL) == 0);
  CHECK(write(master, "in\n", 3) == 3 && poll(&(struct pollfd){slave, POLLIN, 0}, 1, -1) == 1 && write(slave, "out", 3) == 3);
  pass_on(ends[0], &master, 1);
  pass_on(ends[0], &slave, 1);
  ready_and_wait();
  pass_on(ends[1], &master, 0);
  pass_on(ends[1], &slave, 0);
  CHECK(ttyname_r(slave, found, sizeof found) == 0 && strcmp(found, name) == 0);
  CHECK(reads(slave, "in\n", 3) && reads(master, "in\r\nout", 7));
  return pass();
}
