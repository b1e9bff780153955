/* The main thread has ended: signals that are ignored, sent again and again, do not end another thread's wait for epoll. */
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "stasis_test.h"

static pthread_t main_thread;
static int up[2], over[2];
static volatile int *stop;

static void *work(void *unused) {
  struct epoll_event event = {.events = EPOLLIN};
  const int set = epoll_create1(0);
  (void)unused;
  CHECK(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, over[0], &event) == 0 && pthread_join(main_thread, NULL) == 0);
  signal_event(up[1]);
  CHECK(epoll_wait(set, &event, 1, -1) == 1);
  _exit(0);
}

/* In it nothing waits for the driver: it may be interrupted by nothing. */
static void child(void) {
  pthread_t thread;
  CHECK(signal(SIGUSR1, SIG_IGN) == SIG_DFL);
  main_thread = pthread_self();
  CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
  pthread_exit(NULL);
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
  CHECK(stop != MAP_FAILED && pipe(up) == 0 && pipe(over) == 0);
  const pid_t waiting = fork();
  if (waiting == 0) child();
  wait_for_event(up[0]);
  const pid_t sender = fork();
  if (sender == 0) {
    send_signals(waiting);
    _exit(0);
  }
  wait_for_event(up[0]);

  ready_and_wait();

  *stop = 1;
  CHECK(waitpid(sender, &status, 0) == sender && status == 0);
  signal_event(over[1]);
  CHECK(waitpid(waiting, &status, 0) == waiting && status == 0);
  return pass();
}
