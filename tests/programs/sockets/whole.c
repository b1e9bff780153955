/* Calls that send more than a socket takes, or wait for more than has come, stand still in the middle, and each returns once, with all: write, writev, send, sendmsg with a descriptor, sendmmsg, sendfile, splice;
 * recv and recvmsg with MSG_WAITALL, read with SO_RCVLOWAT, recvmmsg. In threads and in processes of one thread; what
 * waits to receive, by TCP too. */
#include <netinet/in.h>
#include <pthread.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "stasis_test.h"

/* Senders first. */
enum { kSenders = 7, kCases = 11, kAll = 2 * kCases, kMost = 900000 /* more than a socket takes */, kSmall = 300, kFirst = 200, kDatagrams = 5 };
static char *bytes, *got;
static int ways[kAll][2]; /* the end that is worked on, and the main thread's */
static const long call_of[kCases] = {SYS_write, SYS_writev, SYS_sendto, SYS_sendmsg, SYS_sendmmsg, SYS_sendfile, SYS_splice, SYS_recvfrom, SYS_recvmsg, SYS_read, SYS_recvmmsg};
static int file, pipe_of[kAll][2];

static void connect_tcp(int way[2]) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0);
  CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0 && (way[0] = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
  CHECK(connect(way[0], (struct sockaddr *)&address, sizeof address) == 0);
  CHECK((way[1] = accept(listener, NULL, NULL)) >= 0 && close(listener) == 0);
}

static void send_message(int fd, ssize_t size) {
  struct iovec parts[3] = {{bytes, 1000}, {bytes + 1000, (size_t)size - 1500}, {bytes + size - 500, 500}};
  union {
    char room[CMSG_SPACE(sizeof(int))];
    struct cmsghdr header;
  } control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3, .msg_control = &control, .msg_controllen = sizeof control};
  memcpy(CMSG_DATA(&control.header), &file, sizeof file);
  CHECK(sendmsg(fd, &message, 0) == size);
}

static void send_messages(int fd, size_t size) {
  struct iovec parts[4] = {{bytes, 10}, {bytes + 10, 90}, {bytes + 100, size - 300}, {bytes + size - 200, 200}};
  struct mmsghdr messages[3] = {{.msg_hdr = {.msg_iov = parts, .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = parts + 1, .msg_iovlen = 2}}, {.msg_hdr = {.msg_iov = parts + 3, .msg_iovlen = 1}}};
  CHECK(sendmmsg(fd, messages, 3, 0) == 3 && messages[0].msg_len == 10 && messages[1].msg_len == size - 210 && messages[2].msg_len == 200);
}

static void receive_messages(int fd) {
  char rooms[kDatagrams][8];
  struct iovec parts[kDatagrams];
  struct mmsghdr messages[kDatagrams] = {0};
  for (int i = 0; i < kDatagrams; i++) parts[i] = (struct iovec){rooms[i], 8}, messages[i].msg_hdr.msg_iov = &parts[i], messages[i].msg_hdr.msg_iovlen = 1;
  CHECK(recvmmsg(fd, messages, kDatagrams, 0, NULL) == kDatagrams);
  for (int i = 0; i < kDatagrams; i++) CHECK(messages[i].msg_len == 1 && rooms[i][0] == 'a' + i);
}

static void do_whole(long which) {
  const int fd = ways[which][0], case_ = (int)(which % kCases), least = kSmall;
  const ssize_t size = kMost;
  char small[kSmall];
  struct iovec parts[2] = {{bytes, 5000}, {bytes + 5000, (size_t)size - 5000}}, rooms[2] = {{small, 250}, {small + 250, 50}};
  struct msghdr message = {.msg_iov = rooms, .msg_iovlen = 2};
  off_t from = 0;
  memset(small, 0, sizeof small);
  switch (case_) {
    case 0: CHECK(write(fd, bytes, (size_t)size) == size); break;
    case 1: CHECK(writev(fd, parts, 2) == size); break;
    case 2: CHECK(send(fd, bytes, (size_t)size, 0) == size); break;
    case 3: send_message(fd, size); break;
    case 4: send_messages(fd, (size_t)size); break;
    case 5: CHECK(sendfile(fd, file, &from, (size_t)size) == size && from == size); break;
    case 6: CHECK(splice(pipe_of[which][0], NULL, fd, NULL, (size_t)size, 0) == size); break;
    case 7: CHECK(recv(fd, small, kSmall, MSG_WAITALL) == kSmall); break;
    case 8: CHECK(recvmsg(fd, &message, MSG_WAITALL) == kSmall); break;
    case 9: CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &least, sizeof least) == 0 && read(fd, small, kSmall) == kSmall); break;
    case 10: receive_messages(fd); break;
  }
  if (case_ >= 7 && case_ < 10) CHECK(memcmp(small, bytes, kSmall) == 0);
  if (case_ < kSenders) CHECK(shutdown(fd, SHUT_WR) == 0);
}

static pid_t tasks[kAll];
static int up[2];
static void *worker(void *which) {
  tasks[(long)which] = (pid_t)syscall(SYS_gettid);
  signal_event(up[1]);
  do_whole((long)which);
  return NULL;
}

static void drain(int fd, size_t size) {
  size_t have = 0;
  for (ssize_t n; (n = read(fd, got + have, kMost - have)) > 0;) have += (size_t)n;
  CHECK(have == size && memcmp(got, bytes, size) == 0);
}

int main(void) {
  pthread_t threads[kCases];
  int status;
  CHECK((bytes = malloc(kMost)) != NULL && (got = malloc(kMost)) != NULL && pipe(up) == 0);
  fill(bytes, kMost, 1);
  CHECK((file = open("bytes", O_RDWR | O_CREAT, 0600)) >= 0 && write(file, bytes, kMost) == kMost);
  for (int i = 0; i < kAll; i++) {
    const int case_ = i % kCases;
    const int is_tcp = (case_ == 7 && i < kCases) || (case_ == 8 && i >= kCases);
    if (is_tcp) connect_tcp(ways[i]);
    else CHECK(socketpair(AF_UNIX, case_ == 10 ? SOCK_DGRAM : SOCK_STREAM, 0, ways[i]) == 0);
    if (case_ == 6) CHECK(pipe(pipe_of[i]) == 0 && fcntl(pipe_of[i][1], F_SETPIPE_SZ, 1 << 20) == 1 << 20 && write(pipe_of[i][1], bytes, kMost) == kMost);
  }
  for (int i = kCases; i < kAll; i++)
    if ((tasks[i] = fork()) == 0) do_whole(i), _exit(0);
  for (long i = 0; i < kCases; i++) {
    CHECK(pthread_create(&threads[i], NULL, worker, (void *)i) == 0);
    wait_for_event(up[0]);
  }
  for (int i = 0; i < kAll; i++) {
    const int case_ = i % kCases;
    if (case_ >= kSenders && case_ != 10) CHECK(write(ways[i][1], bytes, kFirst) == kFirst);
    if (case_ == 10) CHECK(write(ways[i][1], "a", 1) == 1 && write(ways[i][1], "b", 1) == 1);
    for (int left = 1; case_ >= kSenders && left != 0;) {  /* taken, so that a part is done */
      CHECK(recv(ways[i][0], &status, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno == EAGAIN);
      left = recv(ways[i][0], &status, 1, MSG_PEEK | MSG_DONTWAIT) > 0 && case_ != 9;
    }
    until_blocked_in(tasks[i], call_of[case_]);
  }

  ready_and_wait();

  for (int i = 0; i < kAll; i++) {
    const int case_ = i % kCases;
    if (case_ < kSenders) drain(ways[i][1], kMost);
    else if (case_ < 10) CHECK(write(ways[i][1], bytes + kFirst, kSmall - kFirst) == kSmall - kFirst);
    else CHECK(write(ways[i][1], "c", 1) == 1 && write(ways[i][1], "d", 1) == 1 && write(ways[i][1], "e", 1) == 1);
  }
  for (int i = 0; i < kCases; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  for (int i = kCases; i < kAll; i++) CHECK(waitpid(tasks[i], &status, 0) == tasks[i] && status == 0);
  return pass();
}
