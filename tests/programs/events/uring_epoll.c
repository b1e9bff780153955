/* io_urings in epoll sets: one with a result that nobody has read, one with none, an edge that comes afterwards, under a second number, a thread that waits for the set. */
#include <liburing.h>
#include <pthread.h>
#include <sys/epoll.h>

#include "stasis_test.h"

static struct io_uring ready, idle;
static int set, up[2];
static pid_t tid;

static void submit(struct io_uring *ring) {
  struct io_uring_sqe *request = io_uring_get_sqe(ring);
  io_uring_prep_nop(request);
  request->user_data = 5;
  CHECK(io_uring_submit(ring) == 1);
}
static void receive(struct io_uring *ring) {
  struct io_uring_cqe *told;
  CHECK(io_uring_peek_cqe(ring, &told) == 0 && told->user_data == 5);
  io_uring_cqe_seen(ring, told);
}
static void *waiting(void *own) {
  struct epoll_event event;
  tid = gettid();
  signal_event(up[1]);
  CHECK(epoll_wait(*(int *)own, &event, 1, -1) == 1 && event.data.u64 == 33);
  return NULL;
}

int main(void) {
  struct epoll_event level = {.events = EPOLLIN, .data.u64 = 11}, edge = {.events = EPOLLIN | EPOLLET, .data.u64 = 22}, other = {.events = EPOLLIN, .data.u64 = 33}, got[4];
  pthread_t thread;
  int own = epoll_create1(0), count;
  set = epoll_create1(0);
  CHECK(set >= 0 && own >= 0 && pipe(up) == 0 && io_uring_queue_init(4, &ready, 0) == 0 && io_uring_queue_init(4, &idle, 0) == 0);
  const int second = dup(idle.ring_fd);
  CHECK(second >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, ready.ring_fd, &level) == 0 && epoll_ctl(set, EPOLL_CTL_ADD, second, &edge) == 0);
  CHECK(epoll_ctl(own, EPOLL_CTL_ADD, idle.ring_fd, &other) == 0);
  submit(&ready);
  CHECK(pthread_create(&thread, NULL, waiting, &own) == 0);
  wait_for_event(up[0]);
  until_blocked_in(tid, SYS_epoll_wait);
  ready_and_wait();

  CHECK(epoll_wait(set, got, 4, -1) == 1 && got[0].data.u64 == 11);
  receive(&ready);
  CHECK(epoll_wait(set, got, 4, 0) == 0);
  submit(&idle);
  CHECK(pthread_join(thread, NULL) == 0);
  count = epoll_wait(set, got, 4, -1);
  CHECK(count == 1 && got[0].data.u64 == 22 && epoll_wait(set, got, 4, 0) == 0);
  receive(&idle);
  submit(&idle);
  CHECK(epoll_wait(set, got, 4, -1) == 1 && got[0].data.u64 == 22);
  return pass();
}
