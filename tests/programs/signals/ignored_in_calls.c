/* While the main thread makes System V objects, signals that are ignored, sent again and again, do not end another thread's wait for epoll. */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/msg.h>

#include "stasis_test.h"

enum { kObjects = 2000 };
static int up[2], go[2], never[2];
static volatile int *stop;

static void *work(void *unused) {
  struct epoll_event event = {.events = EPOLLIN};
  const int set = epoll_create1(0);
  CHECK(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, never[0], &event) == 0);
  signal_event(up[1]);
  CHECK(epoll_wait(set, &event, 1, -1) == 1); /* never */
  return unused;
}

static void make_objects(void) {
  for (int i = 0; i < kObjects; i++) {
    const int queue = msgget(IPC_PRIVATE, 0600);
    CHECK(queue >= 0 && msgctl(queue, IPC_RMID, NULL) == 0);
  }
}

/* In it nothing waits for the driver: it may be interrupted by nothing. */
static void child(void) {
  pthread_t thread;
  CHECK(signal(SIGUSR1, SIG_IGN) == SIG_DFL && pthread_create(&thread, NULL, work, NULL) == 0);
  signal_event(up[1]); /* while it makes threads it blocks all signals itself */
  wait_for_event(go[0]);
  make_objects();
  signal_event(up[1]);
  wait_for_event(go[0]);
  make_objects();
  CHECK(pthread_tryjoin_np(thread, NULL) == EBUSY);
  _exit(0);
}

static void send_signals(pid_t to) {
  signal_event(up[1]);
  while (!*stop) {
    kill(to, SIGUSR1);
    kill(to, SIGCHLD);
    kill(to, SIGWINCH);
  }
}

int main(void) {
  int status;
  stop = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(stop != MAP_FAILED && pipe(up) == 0 && pipe(go) == 0 && pipe(never) == 0);
  const pid_t waiting = fork();
  if (waiting == 0) child();
  wait_for_event(up[0]);
  wait_for_event(up[0]);
  const pid_t sender = fork();
  if (sender == 0) {
    send_signals(waiting);
    _exit(0);
  }
  wait_for_event(up[0]);
  signal_event(go[1]);
  wait_for_event(up[0]);

  ready_and_wait();

  signal_event(go[1]);
  CHECK(waitpid(waiting, &status, 0) == waiting && status == 0);
  *stop = 1;
  CHECK(waitpid(sender, &status, 0) == sender && status == 0);
  return pass();
}
