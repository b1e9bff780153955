/* Limits of every kind, lowered, with room between soft and hard ones; and a umask, a directory and a limit that a child changed for itself. */
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "stasis_test.h"

static struct rlimit lowered(int which) {
  struct rlimit limit;
  CHECK(getrlimit((__rlimit_resource_t)which, &limit) == 0);
  return limit;
}

int main(void) {
  enum { kLimits = 8 };
  static const int kinds[kLimits] = {RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_STACK, RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_SIGPENDING};
  static const struct rlimit wanted[kLimits] = {{5000, 6000}, {1l << 30, 1l << 31}, {3l << 30, 4l << 30}, {4 << 20, 8 << 20}, {0, 0}, {100, 200}, {65536, 131072}, {500, 1000}};
  int go[2], up[2], status;
  char here[PATH_MAX], there[PATH_MAX];
  open_trigger();
  CHECK(pipe(go) == 0 && pipe(up) == 0 && getcwd(here, sizeof here) != NULL && mkdir("below", 0700) == 0);
  for (int i = 0; i < kLimits; i++) CHECK(setrlimit((__rlimit_resource_t)kinds[i], &wanted[i]) == 0);
  umask(022);
  const pid_t child = fork();
  if (child == 0) {
    CHECK(chdir("below") == 0 && umask(077) == 022 && setrlimit(RLIMIT_NOFILE, &(struct rlimit){50, 60}) == 0);
    signal_event(up[1]);
    wait_for_event(go[0]);
    CHECK(getcwd(there, sizeof there) != NULL && strcmp(there + strlen(there) - 6, "/below") == 0 && umask(0) == 077);
    CHECK(lowered(RLIMIT_NOFILE).rlim_cur == 50 && lowered(RLIMIT_NOFILE).rlim_max == 60);
    _exit(0);
  }
  wait_for_event(up[0]);

  ready_and_wait();

  for (int i = 0; i < kLimits; i++) {
    const struct rlimit now = lowered(kinds[i]);
    CHECK(now.rlim_cur == wanted[i].rlim_cur && now.rlim_max == wanted[i].rlim_max);
  }
  CHECK(getcwd(there, sizeof there) != NULL && strcmp(here, there) == 0 && umask(0) == 022);
  signal_event(go[1]);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  return pass();
}
