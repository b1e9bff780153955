/* The working directory was removed, of a process and of its child: both go on there, it still has no name, and there is a way out of it. */
#include <limits.h>
#include <sys/stat.h>

#include "stasis_test.h"

static void check_gone(void) {
  char text[PATH_MAX] = "";
  struct stat status;
  CHECK(getcwd(text, sizeof text) == NULL && errno == ENOENT);
  CHECK(readlink("/proc/self/cwd", text, sizeof text - 1) > 0 && strstr(text, "/gone (deleted)") != NULL);
  CHECK(stat(".", &status) == 0 && S_ISDIR(status.st_mode) && status.st_nlink == 0);
  CHECK(open("file", O_WRONLY | O_CREAT, 0600) == -1 && errno == ENOENT && mkdir("below", 0700) == -1 && errno == ENOENT);
}

int main(void) {
  int go[2], up[2], status;
  char before[PATH_MAX], after[PATH_MAX];
  open_trigger();
  CHECK(pipe(go) == 0 && pipe(up) == 0 && getcwd(before, sizeof before) != NULL);
  CHECK(mkdir("gone", 0700) == 0 && chdir("gone") == 0);
  const pid_t child = fork();
  if (child == 0) {
    wait_for_event(go[0]);
    check_gone();
    signal_event(up[1]);
    wait_for_event(go[0]);
    check_gone();
    _exit(0);
  }
  CHECK(rmdir("../gone") == 0);
  check_gone();
  signal_event(go[1]);
  wait_for_event(up[0]);

  ready_and_wait();

  check_gone();
  signal_event(go[1]);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(chdir(before) == 0 && getcwd(after, sizeof after) != NULL && strcmp(before, after) == 0 && access("trigger", F_OK) == 0);
  CHECK(access("gone", F_OK) == -1);
  return pass();
}
