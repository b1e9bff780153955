/* Epoll sets: level, edge and one-shot entries, closed numbers whose duplicates live, one description under several numbers, sets in sets, exclusive ones, a waiting thread. */
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "stasis_test.h"

static void add(int set, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0);
}

/* What the set tells now, as a set of data bits; each event is of kind `events`. */
static uint64_t told(int set, uint32_t events) {
  struct epoll_event all[16];
  uint64_t bits = 0;
  const int count = epoll_wait(set, all, 16, 0);
  CHECK(count >= 0);
  for (int i = 0; i != count; i++) {
    CHECK(all[i].events == events);
    bits |= all[i].data.u64;
  }
  return bits;
}

static int waited[2], waiting, up[2];
static void *waiter(void *unused) {
  struct epoll_event event;
  signal_event(up[1]);
  CHECK(epoll_wait(waiting, &event, 1, -1) == 1 && event.data.u64 == 77);
  return unused;
}

int main(void) {
  int level[2], edge[2], once[2], armed[2], moved[2], twice[2], pair[2], status;
  char byte;
  pthread_t thread;
  CHECK(pipe(level) == 0 && pipe(edge) == 0 && pipe(once) == 0 && pipe(armed) == 0 && pipe(moved) == 0 && pipe(twice) == 0 && pipe(waited) == 0 && pipe(up) == 0);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
  const int set = epoll_create1(EPOLL_CLOEXEC), outer = epoll_create1(0), counter = eventfd(0, 0);
  waiting = epoll_create1(0);
  CHECK(set >= 0 && outer >= 0 && waiting >= 0);
  add(set, level[0], EPOLLIN, 1);
  add(set, edge[0], EPOLLIN | EPOLLET, 2);
  add(set, once[0], EPOLLIN | EPOLLONESHOT, 4);
  add(set, armed[0], EPOLLIN | EPOLLONESHOT, 8);
  add(set, moved[0], EPOLLIN, 16);
  add(set, twice[0], EPOLLIN, 32);
  add(set, pair[0], EPOLLIN | EPOLLEXCLUSIVE, 64);
  add(set, counter, EPOLLIN, (uint64_t)1 << 40);
  const int duplicate = dup(twice[0]);
  add(set, duplicate, EPOLLIN, 128);
  add(outer, set, EPOLLIN, 5);
  add(waiting, waited[0], EPOLLIN, 77);
  /* The number of an entry is closed, its description lives; and leads elsewhere then. */
  const int alive = fcntl(moved[0], F_DUPFD, 500);
  CHECK(alive >= 500 && dup2(level[1], moved[0]) == moved[0]);
  CHECK(write(once[1], "x", 1) == 1 && told(set, EPOLLIN) == 4 && told(set, EPOLLIN) == 0); /* told, and not armed again */
  CHECK(pthread_create(&thread, NULL, waiter, NULL) == 0);
  wait_for_event(up[0]);
  const pid_t child = fork();
  if (child == 0) { /* shares the set without most of what is in it */
    CHECK(close(edge[0]) == 0 && close(twice[0]) == 0 && close(duplicate) == 0 && close(alive) == 0);
    signal_event(up[1]);
    CHECK(read(level[0], &byte, 1) == 1 && byte == 'c');
    _exit(0);
  }
  wait_for_event(up[0]);
  ready_and_wait();

  CHECK(told(set, EPOLLIN) == 0 && told(outer, EPOLLIN) == 0);
  CHECK(write(level[1], "c", 1) == 1 && waitpid(child, &status, 0) == child && status == 0);
  CHECK(write(level[1], "x", 1) == 1 && told(set, EPOLLIN) == 1 && told(set, EPOLLIN) == 1 && told(outer, EPOLLIN) == 5);
  CHECK(write(edge[1], "x", 1) == 1 && told(set, EPOLLIN) == 3 && told(set, EPOLLIN) == 1);
  CHECK(read(level[0], &byte, 1) == 1 && told(set, EPOLLIN) == 0);
  CHECK(write(armed[1], "x", 1) == 1 && told(set, EPOLLIN) == 8 && told(set, EPOLLIN) == 0);
  CHECK(write(moved[1], "x", 1) == 1 && told(set, EPOLLIN) == 16 && read(alive, &byte, 1) == 1);
  CHECK(write(twice[1], "x", 1) == 1 && told(set, EPOLLIN) == 160 && read(duplicate, &byte, 1) == 1);
  CHECK(write(pair[1], "x", 1) == 1 && told(set, EPOLLIN) == 64 && read(pair[0], &byte, 1) == 1);
  CHECK(eventfd_write(counter, 1) == 0 && told(set, EPOLLIN) == (uint64_t)1 << 40);
  struct epoll_event again = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = 4};
  CHECK(epoll_ctl(set, EPOLL_CTL_MOD, once[0], &again) == 0 && (told(set, EPOLLIN) & 4) != 0);
  CHECK(epoll_ctl(set, EPOLL_CTL_DEL, twice[0], NULL) == 0 && epoll_ctl(set, EPOLL_CTL_DEL, duplicate, NULL) == 0);
  CHECK(write(waited[1], "x", 1) == 1 && pthread_join(thread, NULL) == 0);
  return pass();
}
