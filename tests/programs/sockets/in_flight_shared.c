/* Descriptors in flight in a socket that several processes have, all of which a checkpoint lets look for them. */
#include <sys/socket.h>

#include "stasis_test.h"

enum { kProcesses = 4, kMessages = 40 };

static void put(int socket, int number) {
  char control[CMSG_SPACE(sizeof(int))] = {0}, byte = (char)number;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *item = CMSG_FIRSTHDR(&message);
  int ends[2];
  CHECK(pipe(ends) == 0 && write(ends[1], &byte, 1) == 1 && close(ends[1]) == 0);
  item->cmsg_level = SOL_SOCKET, item->cmsg_type = SCM_RIGHTS, item->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(item), &ends[0], sizeof(int));
  CHECK(sendmsg(socket, &message, 0) == 1 && close(ends[0]) == 0);
}
static void take(int socket, int number) {
  char control[CMSG_SPACE(sizeof(int))], byte, held;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  int fd;
  CHECK(recvmsg(socket, &message, 0) == 1 && byte == (char)number && CMSG_FIRSTHDR(&message) != NULL);
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  CHECK(read(fd, &held, 1) == 1 && held == byte && read(fd, &held, 1) == 0 && close(fd) == 0);
}

int main(void) {
  int ends[2], down[2], status;
  pid_t child[kProcesses];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && pipe(down) == 0);
  for (int i = 0; i < kMessages; i++) put(ends[0], i);
  for (int i = 0; i < kProcesses; i++)
    if ((child[i] = fork()) == 0) {
      wait_for_event(down[0]);
      _exit(0);
    }
  ready_and_wait();

  for (int i = 0; i < kProcesses; i++) signal_event(down[1]);
  for (int i = 0; i < kProcesses; i++) CHECK(waitpid(child[i], &status, 0) == child[i] && status == 0);
  for (int i = 0; i < kMessages; i++) take(ends[1], i);
  return pass();
}
