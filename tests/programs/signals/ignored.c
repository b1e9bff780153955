/* Signals that are ignored (SIGCHLD and SIGWINCH by default, SIGUSR1 because the program says so), sent again and again, so while the program stands still too, do not end calls that any handler ends: the main
   thread's and others' waits for epoll, poll, select, a sleep, a signal, a semaphore, a message and, with a limit of time, a socket. */
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <time.h>

#include "stasis_test.h"

enum { kCalls = 9, kThreads = 2 * kCalls };
static int up[2], never[2], quiet[2], semaphores, messages;
static int interrupted[kCalls];
static volatile int *stop;

static int wait_for_epoll(void) {
  struct epoll_event event = {.events = EPOLLIN};
  const int set = epoll_create1(EPOLL_CLOEXEC);
  CHECK(set >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, never[0], &event) == 0);
  const int result = epoll_wait(set, &event, 1, -1), error = errno;
  CHECK(close(set) == 0);
  errno = error;
  return result;
}

/* Negative, with EINTR, if it was interrupted. */
static int wait_once(int which) {
  const struct timespec long_time = {100000, 0};
  const struct timeval longer = {200000, 0};
  struct sembuf take = {0, -1, 0};
  struct { long type; char text[1]; } message;
  sigset_t other;
  fd_set set;
  char byte;
  switch (which) {
    case 0: return wait_for_epoll();
    case 1: return poll(&(struct pollfd){never[0], POLLIN, 0}, 1, -1);
    case 2:
      FD_ZERO(&set);
      FD_SET(never[0], &set);
      return select(never[0] + 1, &set, NULL, NULL, NULL);
    case 3: return nanosleep(&long_time, NULL);
    case 4:
      sigemptyset(&other);
      sigaddset(&other, SIGUSR2);
      return sigtimedwait(&other, NULL, &long_time);
    case 5: return semtimedop(semaphores, &take, 1, &long_time);
    case 6: return (int)msgrcv(messages, &message, 1, 0, 0);
    case 7:
      CHECK(setsockopt(quiet[0], SOL_SOCKET, SO_RCVTIMEO, &longer, sizeof longer) == 0);
      return (int)recv(quiet[0], &byte, 1, 0);
    default: return pause();
  }
}

static void *work(void *which) {
  const int call = (int)(long)which % kCalls;
  signal_event(up[1]);
  while (wait_once(call) < 0 && errno == EINTR) __atomic_add_fetch(&interrupted[call], 1, __ATOMIC_SEQ_CST);
  return NULL;
}

/* In it nothing waits for the driver: it may be interrupted by nothing. */
static int child(void) {
  pthread_t threads[kThreads];
  semaphores = semget(IPC_PRIVATE, 1, 0600);
  messages = msgget(IPC_PRIVATE, 0600);
  CHECK(semaphores >= 0 && messages >= 0 && signal(SIGUSR1, SIG_IGN) == SIG_DFL);
  for (int i = 0; i < kThreads; i++) CHECK(pthread_create(&threads[i], NULL, work, (void *)(long)i) == 0);
  signal_event(up[1]); /* while it makes threads it blocks all signals itself */
  const int ended = wait_for_epoll();
  CHECK(ended == 1);
  CHECK(semctl(semaphores, 0, IPC_RMID) == 0 && msgctl(messages, IPC_RMID, NULL) == 0); /* the former is no point of cancellation */
  for (int i = 0; i < kThreads; i++) pthread_cancel(threads[i]);
  for (int i = 0; i < kThreads; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  for (int i = 0; i < kCalls; i++) CHECK(interrupted[i] == 0);
  return 0;
}

/* As if children ended, over and over. */
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
  CHECK(stop != MAP_FAILED && pipe(up) == 0 && pipe(never) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, quiet) == 0);
  const pid_t waiting = fork();
  if (waiting == 0) _exit(child());
  for (int i = 0; i <= kThreads; i++) wait_for_event(up[0]);
  const pid_t sender = fork();
  if (sender == 0) {
    send_signals(waiting);
    _exit(0);
  }
  wait_for_event(up[0]);

  ready_and_wait();

  *stop = 1;
  CHECK(waitpid(sender, &status, 0) == sender && status == 0);
  signal_event(never[1]);
  CHECK(waitpid(waiting, &status, 0) == waiting && status == 0);
  return pass();
}
