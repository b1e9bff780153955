/* Programs that close everything: closefrom(3), close_range(2) with none of its flags, with CLOSE_RANGE_UNSHARE and with CLOSE_RANGE_CLOEXEC, and a loop up to the limit. Nothing
 * but the given descriptors is open in them before and after, new ones get the lowest numbers, and any number can be the target of dup2. */
#include <linux/close_range.h>
#include <sys/resource.h>

#include "stasis_test.h"

static int up[2], go[2];

/* What is open must be exactly 0, 1, 2, 8 and 9. */
static void look(void) {
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  for (int fd = 0; fd < (int)limit.rlim_cur && fd < 70000; fd++) {
    const int is_open = fcntl(fd, F_GETFD) >= 0;
    if (is_open != (fd <= 2 || fd == 8 || fd == 9)) dprintf(1, "descriptor %d is %s\n", fd, is_open ? "open" : "closed");
    CHECK(is_open == (fd <= 2 || fd == 8 || fd == 9));
  }
}
static void use_all(void) {
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  for (int fd = 10; fd < (int)limit.rlim_cur && fd < 5000; fd++) CHECK(dup2(2, fd) == fd);
  for (int fd = 3; fd < 8; fd++) CHECK(dup(2) == fd);
  CHECK(close_range(3, 7, 0) == 0);
  closefrom(10);
}

static void close_all(int way) {
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(dup2(go[0], 8) == 8 && dup2(up[1], 9) == 9);
  CHECK(close_range(3, 7, way == 2 ? CLOSE_RANGE_UNSHARE : 0) == 0);
  if (way == 0) closefrom(10);
  if (way == 1) CHECK(close_range(10, ~0u, 0) == 0);
  if (way == 2) CHECK(close_range(10, ~0u, CLOSE_RANGE_UNSHARE) == 0);
  if (way == 3) for (int fd = 10; fd < (int)limit.rlim_cur; fd++) close(fd);
  if (way == 4) {
    CHECK(dup2(1, 20) == 20 && close_range(10, ~0u, CLOSE_RANGE_CLOEXEC) == 0 && fcntl(20, F_GETFD) == FD_CLOEXEC);
    execl("/proc/self/exe", "closed", "after", (char *)NULL);
    CHECK(!"exec");
  }
}

static int child(void) {
  look();
  signal_event(9);
  wait_for_event(8);
  look();
  use_all();
  look();
  return 0;
}

int main(int argc, char **argv) {
  enum { ways = 5 };
  pid_t children[ways];
  (void)argv;
  if (argc > 1) return child();
  CHECK(pipe(up) == 0 && pipe(go) == 0);
  CHECK(fcntl(go[0], F_DUPFD, 10) >= 0);
  for (int way = 0; way < ways; way++) {
    children[way] = fork();
    if (children[way] == 0) {
      close_all(way);
      _exit(child());
    }
  }
  for (int way = 0; way < ways; way++) wait_for_event(up[0]);

  ready_and_wait();

  for (int way = 0; way < ways; way++) signal_event(go[1]);
  for (int way = 0; way < ways; way++) {
    int status;
    CHECK(waitpid(children[way], &status, 0) == children[way] && status == 0);
  }
  return pass();
}
