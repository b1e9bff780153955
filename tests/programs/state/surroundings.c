/* The working directory, umask, limits, environment, command line, name, program file and clock of a process. */
#include <limits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "stasis_test.h"

static size_t slurp(const char *path, char *buffer, size_t size) {
  const int fd = open(path, O_RDONLY);
  CHECK(fd >= 0);
  const ssize_t n = read(fd, buffer, size);
  CHECK(n >= 0 && close(fd) == 0);
  return (size_t)n;
}

int main(int argc, char **argv) {
  char before[PATH_MAX], after[PATH_MAX], exe[PATH_MAX] = "", exe_after[PATH_MAX] = "", name[16] = "";
  static char line[4096], line_after[4096], environment[65536], environment_after[65536];
  const struct rlimit files = {123, 456};
  struct rlimit limit;
  struct timespec start, now;
  open_trigger();
  CHECK(mkdir("below", 0700) == 0 && chdir("below") == 0 && getcwd(before, sizeof before) != NULL);
  umask(027);
  CHECK(setrlimit(RLIMIT_NOFILE, &files) == 0 && setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) == 0);
  CHECK(setenv("COLOUR", "blue", 1) == 0 && prctl(PR_SET_NAME, "renamed") == 0);
  CHECK(readlink("/proc/self/exe", exe, sizeof exe - 1) > 0);
  const size_t line_size = slurp("/proc/self/cmdline", line, sizeof line);
  const size_t environment_size = slurp("/proc/self/environ", environment, sizeof environment);
  CHECK(clock_gettime(CLOCK_REALTIME, &start) == 0);
  const long ticks = sysconf(_SC_CLK_TCK);

  ready_and_wait();

  CHECK(getcwd(after, sizeof after) != NULL && strcmp(before, after) == 0 && access("../trigger", F_OK) == 0);
  CHECK(umask(0) == 027);
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 123 && limit.rlim_max == 456);
  CHECK(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0);
  CHECK(strcmp(getenv("COLOUR"), "blue") == 0 && prctl(PR_GET_NAME, name) == 0 && strcmp(name, "renamed") == 0);
  CHECK(readlink("/proc/self/exe", exe_after, sizeof exe_after - 1) > 0 && strcmp(exe, exe_after) == 0);
  CHECK(slurp("/proc/self/cmdline", line_after, sizeof line) == line_size && memcmp(line, line_after, line_size) == 0);
  CHECK(slurp("/proc/self/environ", environment_after, sizeof environment) == environment_size);
  CHECK(memcmp(environment, environment_after, environment_size) == 0);
  CHECK(argc == 1 && strcmp(argv[0] + strlen(argv[0]) - 12, "surroundings") == 0 && ticks == sysconf(_SC_CLK_TCK));
  CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0 && now.tv_sec >= start.tv_sec && now.tv_sec < start.tv_sec + 100);
  return pass();
}
