/* A process whose main thread has ended is a child like any other and a parent like any other: it is waited for, and its child, which asked for a
 * signal at its parent's death, gets none before that. */
#include <pthread.h>
#include <sys/prctl.h>

#include "stasis_test.h"

static pthread_t main_thread;
static int up[2], down[2], leaf[2];
static pid_t parent;

static char state_of(pid_t pid) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  FILE *file = fopen(path, "r");
  CHECK(file != NULL && fgets(text, sizeof text, file) != NULL && fclose(file) == 0);
  return strrchr(text, ')')[2];
}

static void be_leaf(pid_t above) {
  CHECK(prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == above);
  signal_event(up[1]);
  wait_for_event(leaf[0]);
  int death = 0;
  CHECK(getppid() == above && prctl(PR_GET_PDEATHSIG, &death) == 0 && death == SIGTERM);
  signal_event(up[1]);
  for (;;) pause();
}

static void *work(void *unused) {
  (void)unused;
  int status = 0;
  CHECK(pthread_join(main_thread, NULL) == 0);
  while (state_of(getpid()) != 'Z') sched_yield(); /* a join waits for a little less than the end */
  const pid_t self = getpid(), tid = gettid(), child = fork();
  CHECK(child >= 0);
  if (child == 0) be_leaf(self);
  wait_for_event(down[0]);
  CHECK(getpid() == self && gettid() == tid && getppid() == parent && state_of(self) == 'Z' && waitpid(child, &status, WNOHANG) == 0);
  signal_event(leaf[1]);
  wait_for_event(down[0]);
  CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child && WTERMSIG(status) == SIGKILL);
  exit(7);
}

int main(void) {
  int status = 0;
  parent = getpid();
  CHECK(pipe(up) == 0 && pipe(down) == 0 && pipe(leaf) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    pthread_t thread;
    main_thread = pthread_self();
    CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
    pthread_exit(NULL);
  }
  wait_for_event(up[0]);

  ready_and_wait();

  CHECK(state_of(child) == 'Z' && waitpid(child, &status, WNOHANG) == 0);
  signal_event(down[1]);
  wait_for_event(up[0]);
  signal_event(down[1]);
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
  return pass();
}
