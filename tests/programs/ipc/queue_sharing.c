/* POSIX message queues of several processes: notifications of one while another has the queue too, threads that wait with and without a time limit, in flight in a socket, in an epoll set. */
#include <mqueue.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "stasis_test.h"

enum { kParents, kChilds, kBrothers, kForever, kLong, kShort, kFlying, kWatched, kQueues };

static mqd_t queue[kQueues];
static int up[2], down[2], end[2];

static mqd_t make(int number) {
  struct mq_attr attributes = {.mq_maxmsg = 3, .mq_msgsize = 16};
  char name[64];
  snprintf(name, sizeof name, "/stasis-test-%d-%d", (int)getpid(), number);
  const mqd_t made = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
  CHECK(made >= 0 && mq_unlink(name) == 0);
  return made;
}
static void put(mqd_t to, const char *text) { CHECK(mq_send(to, text, strlen(text), 1) == 0); }
static void expect(mqd_t from, const char *text) {
  char bytes[16];
  CHECK(mq_receive(from, bytes, sizeof bytes, NULL) == (ssize_t)strlen(text) && memcmp(bytes, text, strlen(text)) == 0);
}
static void ask(mqd_t of, int value) {
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = value};
  CHECK(mq_notify(of, &event) == 0);
}
static void await_signal(int value, pid_t sender) {
  sigset_t set;
  siginfo_t info;
  sigemptyset(&set), sigaddset(&set, SIGUSR1);
  CHECK(sigwaitinfo(&set, &info) == SIGUSR1 && info.si_code == SI_MESGQ && info.si_value.sival_int == value && info.si_pid == sender);
}
static struct timespec in_seconds(int seconds) {
  struct timespec time;
  CHECK(clock_gettime(CLOCK_REALTIME, &time) == 0);
  time.tv_sec += seconds;
  return time;
}

static void *wait_for_ever(void *unused) {
  signal_event(up[1]);
  expect(queue[kForever], "for ever");
  return unused;
}
static void *wait_long(void *unused) {
  const struct timespec limit = in_seconds(3600);
  char bytes[16];
  signal_event(up[1]);
  CHECK(mq_timedreceive(queue[kLong], bytes, sizeof bytes, NULL, &limit) == 4 && memcmp(bytes, "long", 4) == 0);
  return unused;
}
static void *wait_shortly(void *unused) {
  const struct timespec limit = in_seconds(1);
  char bytes[16];
  signal_event(up[1]);
  CHECK(mq_timedreceive(queue[kShort], bytes, sizeof bytes, NULL, &limit) == -1 && errno == ETIMEDOUT);
  wait_for_event(end[0]); /* the time may be over before a checkpoint */
  return unused;
}

static void run_child(const mqd_t *brothers, int number) {
  if (number == 0) ask(queue[kChilds], 20), put(brothers[0], "brother");
  signal_event(up[1]);
  wait_for_event(down[0]);
  if (number == 0) {
    expect(queue[kChilds], "child's"), put(queue[kChilds], "now"), await_signal(20, getpid());
    put(queue[kParents], "parent's"); /* into the empty queue that the parent waits for */
  } else {
    expect(brothers[0], "brother");
  }
  _exit(0);
}
static void send_queue(int socket, mqd_t sent) {
  char control[CMSG_SPACE(sizeof(int))] = {0}, byte = 'q';
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr *item = CMSG_FIRSTHDR(&message);
  item->cmsg_level = SOL_SOCKET, item->cmsg_type = SCM_RIGHTS, item->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(item), &sent, sizeof sent);
  CHECK(sendmsg(socket, &message, 0) == 1);
}
static mqd_t receive_queue(int socket) {
  char control[CMSG_SPACE(sizeof(int))], byte;
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  mqd_t received;
  CHECK(recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message) != NULL);
  memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof received);
  return received;
}

int main(void) {
  void *(*const waiters[])(void *) = {wait_for_ever, wait_long, wait_shortly};
  pthread_t thread[3];
  pid_t child[2];
  int ends[2], status;
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGUSR1);
  CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && pipe(up) == 0 && pipe(down) == 0 && pipe(end) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  for (int i = 0; i < kQueues; i++) queue[i] = make(i);
  put(queue[kParents], "before"), put(queue[kChilds], "child's"), put(queue[kFlying], "flying"), put(queue[kWatched], "watched");
  for (int i = 0; i < 2; i++)
    if ((child[i] = fork()) == 0) {
      CHECK(i == 0 || mq_close(queue[kParents]) == 0);
      run_child(&queue[kBrothers], i);
    }
  CHECK(mq_close(queue[kBrothers]) == 0);
  ask(queue[kParents], 10);
  send_queue(ends[0], queue[kFlying]);
  CHECK(mq_close(queue[kFlying]) == 0);
  const int set_of = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.u32 = 77};
  CHECK(set_of >= 0 && epoll_ctl(set_of, EPOLL_CTL_ADD, queue[kWatched], &event) == 0);
  for (int i = 0; i < 3; i++) CHECK(pthread_create(&thread[i], NULL, waiters[i], NULL) == 0);
  for (int i = 0; i < 5; i++) wait_for_event(up[0]);
  ready_and_wait();

  expect(queue[kParents], "before");
  for (int i = 0; i < 2; i++) signal_event(down[1]);
  await_signal(10, child[0]);
  expect(queue[kParents], "parent's");
  for (int i = 0; i < 2; i++) CHECK(waitpid(child[i], &status, 0) == child[i] && status == 0);
  expect(queue[kChilds], "now");
  const mqd_t flown = receive_queue(ends[1]);
  expect(flown, "flying");
  CHECK(epoll_wait(set_of, &event, 1, 0) == 1 && event.events == EPOLLIN && event.data.u32 == 77);
  expect(queue[kWatched], "watched");
  CHECK(epoll_wait(set_of, &event, 1, 0) == 0);
  put(queue[kForever], "for ever"), put(queue[kLong], "long"), signal_event(end[1]);
  for (int i = 0; i < 3; i++) CHECK(pthread_join(thread[i], NULL) == 0);
  return pass();
}
