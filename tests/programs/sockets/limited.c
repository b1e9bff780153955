/* Calls that any signal handler would end with EINTR wait on until what they wait for comes, in threads and in processes of one thread: receiving, sending, accepting and connecting where the socket has a time limit,
 * recvmmsg, and by number (syscall) poll and epoll_wait. */
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "stasis_test.h"

enum { kCases = 8, kAll = 2 * kCases };
static const long call_of[kCases] = {SYS_recvfrom, SYS_write, SYS_sendto, SYS_accept, SYS_connect, SYS_recvmmsg, SYS_poll, SYS_epoll_wait};
static int ways[kAll][2], listeners[kAll], callers[kAll], up[2], end[2];
static pid_t tasks[kAll];
static struct sockaddr_un names[kAll];
static char block[4096];

static void wait_in(long which) {
  const int fd = ways[which][0];
  char byte = 0;
  struct iovec part = {&byte, 1};
  struct mmsghdr message = {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}};
  struct pollfd events = {fd, POLLIN, 0};
  struct epoll_event found;
  switch (which % kCases) {
    case 0: CHECK(recv(fd, &byte, 1, 0) == 1 && byte == 'x'); break;
    case 1: CHECK(write(fd, "x", 1) == 1); break;
    case 2: CHECK(send(fd, "x", 1, 0) == 1); break;
    case 3: CHECK(accept(listeners[which], NULL, NULL) >= 0); break;
    case 4: CHECK(connect(callers[which], (struct sockaddr *)&names[which], sizeof names[which]) == 0); break;
    case 5: CHECK(recvmmsg(fd, &message, 1, 0, NULL) == 1 && byte == 'x'); break;
    case 6: CHECK(syscall(SYS_poll, &events, 1, 100000) == 1 && events.revents == POLLIN); break;
    case 7: CHECK(syscall(SYS_epoll_wait, listeners[which], &found, 1, -1) == 1); break;
  }
  wait_for_event(end[0]); /* a full socket may take more afterwards */
}
static void *waiter(void *which) {
  tasks[(long)which] = (pid_t)syscall(SYS_gettid);
  signal_event(up[1]);
  wait_in((long)which);
  return NULL;
}

static void limit(int fd) {
  const struct timeval time = {1000, 0};
  CHECK(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time) == 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time) == 0);
}

static void set_up(int i) {
  const int case_ = i % kCases;
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ways[i]) == 0);
  limit(ways[i][0]);
  if (case_ == 1 || case_ == 2)
    while (send(ways[i][0], block, sizeof block, MSG_DONTWAIT) > 0) {
    }
  if (case_ == 3 || case_ == 4) {
    names[i].sun_family = AF_UNIX;
    snprintf(names[i].sun_path, sizeof names[i].sun_path, "listener%d", i);
    limit(listeners[i] = socket(AF_UNIX, SOCK_STREAM, 0));
    limit(callers[i] = socket(AF_UNIX, SOCK_STREAM, 0));
    CHECK(bind(listeners[i], (struct sockaddr *)&names[i], sizeof names[i]) == 0 && listen(listeners[i], 0) == 0);
  }
  if (case_ == 4) CHECK(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&names[i], sizeof names[i]) == 0); /* no room for another */
  if (case_ == 7) CHECK((listeners[i] = epoll_create1(0)) >= 0 && epoll_ctl(listeners[i], EPOLL_CTL_ADD, ways[i][0], &(struct epoll_event){.events = EPOLLIN}) == 0);
}

int main(void) {
  pthread_t threads[kCases];
  int status;
  CHECK(pipe(up) == 0 && pipe(end) == 0);
  for (int i = 0; i < kAll; i++) set_up(i);
  for (int i = kCases; i < kAll; i++)
    if ((tasks[i] = fork()) == 0) wait_in(i), _exit(0);
  for (long i = 0; i < kCases; i++) {
    CHECK(pthread_create(&threads[i], NULL, waiter, (void *)i) == 0);
    wait_for_event(up[0]);
  }
  for (int i = 0; i < kAll; i++) until_blocked_in(tasks[i], call_of[i % kCases]);

  ready_and_wait();

  for (int i = 0; i < kAll; i++) {
    const int case_ = i % kCases;
    if (case_ == 1 || case_ == 2) {
      while (recv(ways[i][1], block, sizeof block, MSG_DONTWAIT) > 0) {
      }
    } else if (case_ == 3) {
      CHECK(connect(callers[i], (struct sockaddr *)&names[i], sizeof names[i]) == 0);
    } else if (case_ == 4) {
      CHECK(accept(listeners[i], NULL, NULL) >= 0);
    } else {
      CHECK(write(ways[i][1], "x", 1) == 1);
    }
  }
  for (int i = 0; i < kAll; i++) signal_event(end[1]);
  for (int i = 0; i < kCases; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  for (int i = kCases; i < kAll; i++) CHECK(waitpid(tasks[i], &status, 0) == tasks[i] && status == 0);
  return pass();
}
