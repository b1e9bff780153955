/* Process descriptors: of a child, of the process itself, of its parent, of a zombie and of one that was waited for; shared, watched, and used to send and wait. */
#include <poll.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

#include "stasis_test.h"

static int open_process(pid_t pid) {
  const int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  CHECK(fd >= 0);
  return fd;
}
static int has_ended(int fd) {
  struct pollfd events = {fd, POLLIN, 0};
  CHECK(poll(&events, 1, 0) >= 0);
  return events.revents != 0;
}

int main(void) {
  int up[2], go[2], status;
  siginfo_t info;
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 9};
  CHECK(pipe(up) == 0 && pipe(go) == 0);
  const int self = open_process(getpid()), shared = dup(self);
  const pid_t child = fork();
  if (child == 0) {
    const int parent = open_process(getppid());
    signal_event(up[1]);
    wait_for_event(go[0]);
    CHECK(!has_ended(parent) && !has_ended(shared) && syscall(SYS_pidfd_send_signal, shared, 0, NULL, 0) == 0);
    signal_event(up[1]);
    for (;;) pause();
  }
  wait_for_event(up[0]);
  const pid_t zombie = fork();
  if (zombie == 0) _exit(7);
  const pid_t gone = fork();
  if (gone == 0) _exit(8);
  const int of_child = open_process(child), of_zombie = open_process(zombie), of_gone = open_process(gone), set = epoll_create1(0);
  CHECK(waitpid(gone, &status, 0) == gone && waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT) == 0);
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, of_child, &event) == 0);
  ready_and_wait();

  signal_event(go[1]);
  wait_for_event(up[0]);
  CHECK(!has_ended(of_child) && !has_ended(self) && has_ended(of_zombie) && has_ended(of_gone));
  CHECK(syscall(SYS_pidfd_send_signal, of_gone, 0, NULL, 0) == -1 && errno == ESRCH);
  CHECK(waitid(P_PIDFD, (id_t)of_zombie, &info, WEXITED) == 0 && info.si_pid == zombie && info.si_status == 7);
  CHECK(epoll_wait(set, &event, 1, 0) == 0 && syscall(SYS_pidfd_send_signal, of_child, SIGTERM, NULL, 0) == 0);
  CHECK(epoll_wait(set, &event, 1, -1) == 1 && event.data.u64 == 9);
  CHECK(waitid(P_PIDFD, (id_t)of_child, &info, WEXITED) == 0 && info.si_pid == child && info.si_status == SIGTERM);
  return pass();
}
