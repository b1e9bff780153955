/* Programs that were started with another environment than their parent's: none (execve, posix_spawn, fexecve), a list of its own without the preloaded library, cleared by
 * clearenv(3) before system(3) and popen(3), one that comes from another node of a parallel job. All live while the checkpoint is made, and each has the environment that it was given. */
#include <spawn.h>

#include "stasis_test.h"

extern char **environ;
static int up[2], go[2];

/* What each started program does: says that it is up, waits, and compares its environment with its arguments. */
static int started(int argc, char **argv) {
  signal_event(9);
  wait_for_event(8);
  int given = 0;
  for (char **one = environ; *one != NULL; one++) {
    if (strncmp(*one, "LD_PRELOAD=", 11) == 0 || strncmp(*one, "STASIS_", 7) == 0) continue; /* the watching's */
    if (strncmp(*one, "PWD=", 4) == 0 || strncmp(*one, "_=", 2) == 0 || strncmp(*one, "OLDPWD=", 7) == 0 || strncmp(*one, "SHLVL=", 6) == 0) continue; /* a shell's */
    if (given + 2 >= argc || strcmp(*one, argv[given + 2]) != 0) return 1;
    given++;
  }
  return given + 2 == argc ? 0 : 2;
}

static pid_t by(int way, char *self) {
  char *none[] = {NULL}, *one[] = {"ONLY=this", NULL};
  char *foreign[] = {"ONLY=this", "STASIS_COMPUTATION=0123456789abcdef", "STASIS_RUN=/dev/shm/none", NULL};
  char *bare[] = {self, "started", NULL}, *with[] = {self, "started", "ONLY=this", NULL};
  pid_t child = -1;
  if (way == 1) {
    CHECK(posix_spawn(&child, self, NULL, NULL, with, one) == 0);
    return child;
  }
  child = fork();
  if (child != 0) return child;
  if (way == 0) execve(self, bare, none);
  if (way == 2) fexecve(open(self, O_RDONLY | O_CLOEXEC), with, one);
  if (way == 3) execvpe(self, with, one);
  if (way == 4) execveat(open(self, O_PATH | O_CLOEXEC), "", bare, none, AT_EMPTY_PATH);
  if (way == 7) execve(self, with, foreign);
  char command[4200];
  snprintf(command, sizeof command, "exec '%s' started", self);
  CHECK(clearenv() == 0);
  if (way == 5) _exit(WEXITSTATUS(system(command)));
  FILE *stream = popen(command, "w");
  _exit(stream == NULL ? 3 : WEXITSTATUS(pclose(stream)));
}

int main(int argc, char **argv) {
  enum { ways = 8 };
  char self[4096];
  pid_t children[ways];
  if (argc > 1) return started(argc, argv);
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  CHECK(length > 0 && pipe(up) == 0 && pipe(go) == 0 && dup2(go[0], 8) == 8 && dup2(up[1], 9) == 9);
  self[length] = '\0';
  for (int way = 0; way < ways; way++) CHECK((children[way] = by(way, self)) > 0);
  for (int way = 0; way < ways; way++) wait_for_event(up[0]);

  ready_and_wait();

  for (int way = 0; way < ways; way++) signal_event(go[1]);
  for (int way = 0; way < ways; way++) {
    int status;
    CHECK(waitpid(children[way], &status, 0) == children[way]);
    if (status != 0) dprintf(1, "way %d: status %x\n", way, status);
    CHECK(status == 0);
  }
  return pass();
}
