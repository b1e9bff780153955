// What a restart looks like to the launch proxy, without one: preloaded into it, this makes waitpid(2) forget the child once.
// The file $TEST_LOST_CHILD says when: it is removed by that.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t waitpid(pid_t pid, int* status, int options) {
  pid_t (*const real)(pid_t, int*, int) = (pid_t(*)(pid_t, int*, int))dlsym(RTLD_NEXT, "waitpid");
  const pid_t found = real(pid, status, options);
  const char* when = getenv("TEST_LOST_CHILD");
  if (found <= 0 || when == NULL || strcmp(program_invocation_short_name, "stasis-launch-proxy") != 0 || unlink(when) != 0) return found;
  errno = ECHILD;
  return -1;
}
