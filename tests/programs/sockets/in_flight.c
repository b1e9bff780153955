/* Descriptors and credentials in flight: files, pipes and sockets sent through a UNIX socket and not received yet, one with more of them in its own queue. */
#include <sys/socket.h>

#include "stasis_test.h"

static void send_with(int fd, const char *text, const int *fds, size_t count) {
  char control[CMSG_SPACE(sizeof(int) * 8)] = {0};
  struct iovec part = {(void *)text, strlen(text)};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
  struct cmsghdr *item = CMSG_FIRSTHDR(&header);
  item->cmsg_level = SOL_SOCKET, item->cmsg_type = SCM_RIGHTS, item->cmsg_len = CMSG_LEN(sizeof(int) * count);
  memcpy(CMSG_DATA(item), fds, sizeof(int) * count);
  CHECK(sendmsg(fd, &header, 0) == (ssize_t)strlen(text));
}

/* Returns how many descriptors came. */
static size_t receive_with(int fd, const char *text, int *fds, struct ucred *who) {
  char control[512], bytes[64];
  struct iovec part = {bytes, sizeof bytes};
  struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  size_t count = 0;
  CHECK(recvmsg(fd, &header, MSG_DONTWAIT) == (ssize_t)strlen(text) && memcmp(bytes, text, strlen(text)) == 0);
  for (struct cmsghdr *item = CMSG_FIRSTHDR(&header); item != NULL; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_type == SCM_RIGHTS) count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int), memcpy(fds, CMSG_DATA(item), count * sizeof(int));
    if (item->cmsg_type == SCM_CREDENTIALS && who != NULL) memcpy(who, CMSG_DATA(item), sizeof *who);
  }
  return count;
}

int main(void) {
  int stream[2], datagrams[2], inner[2], with_pid[2], data[2], up[2], status, yes = 1, fds[8];
  char bytes[16];
  struct ucred who = {0};
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, stream) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, inner) == 0);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, with_pid) == 0 && setsockopt(with_pid[0], SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) == 0);
  CHECK(pipe(data) == 0 && pipe(up) == 0);
  const int file = open("file", O_RDWR | O_CREAT, 0600), kept = open("kept", O_RDWR | O_CREAT, 0600);
  CHECK(write(file, "0123456789", 10) == 10 && lseek(file, 3, SEEK_SET) == 3 && write(data[1], "piped", 5) == 5 && write(kept, "abcdef", 6) == 6 && lseek(kept, 1, SEEK_SET) == 1);
  send_with(inner[1], "inside", &data[0], 1);
  CHECK(write(stream[1], "before", 6) == 6);
  send_with(stream[1], "two", (int[]){file, kept}, 2);
  CHECK(write(stream[1], "after", 5) == 5);
  send_with(datagrams[1], "nested", &inner[0], 1);
  CHECK(close(file) == 0 && close(inner[0]) == 0 && close(data[0]) == 0);
  const pid_t child = fork();
  if (child == 0) {
    CHECK(write(with_pid[1], "me", 2) == 2);
    signal_event(up[1]);
    _exit(0);
  }
  wait_for_event(up[0]);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  ready_and_wait();

  CHECK(receive_with(with_pid[0], "me", fds, &who) == 0 && who.pid == child && who.uid == getuid());
  CHECK(read(stream[0], bytes, 6) == 6 && memcmp(bytes, "before", 6) == 0);
  CHECK(receive_with(stream[0], "two", fds, NULL) == 2);
  CHECK(read(fds[0], bytes, sizeof bytes) == 7 && memcmp(bytes, "3456789", 7) == 0);
  CHECK(lseek(kept, 0, SEEK_CUR) == 1 && read(fds[1], bytes, 2) == 2 && lseek(kept, 0, SEEK_CUR) == 3);
  CHECK(receive_with(stream[0], "after", fds, NULL) == 0);
  CHECK(receive_with(datagrams[0], "nested", fds, NULL) == 1);
  CHECK(receive_with(fds[0], "inside", &fds[1], NULL) == 1 && read(fds[1], bytes, sizeof bytes) == 5 && memcmp(bytes, "piped", 5) == 0);
  CHECK(write(inner[1], "end", 3) == 3 && read(fds[0], bytes, sizeof bytes) == 3);
  CHECK(close(data[1]) == 0 && read(fds[1], bytes, 1) == 0);
  return pass();
}
