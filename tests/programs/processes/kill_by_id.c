/* Ids remembered from before name the same processes and threads: kill, tgkill, killpg, waitpid, /proc. */
#include <pthread.h>
#include <sys/syscall.h>

#include "stasis_test.h"

static volatile sig_atomic_t got;
static pid_t tid;
static int up[2];
static void on_signal(int signal) { got = signal; }
static void *work(void *unused) {
  sigset_t none;
  (void)unused;
  tid = (pid_t)syscall(SYS_gettid);
  sigfillset(&none);
  sigdelset(&none, SIGUSR2);
  signal_event(up[1]);
  while (got != SIGUSR2) sigsuspend(&none);
  CHECK(syscall(SYS_gettid) == tid);
  return NULL;
}

int main(void) {
  pthread_t thread;
  char path[64];
  int status;
  sigset_t blocked;
  CHECK(pipe(up) == 0);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  CHECK(signal(SIGUSR2, on_signal) != SIG_ERR && sigprocmask(SIG_BLOCK, &blocked, NULL) == 0);
  const pid_t self = getpid(), child = fork();
  if (child == 0) {
    CHECK(setpgid(0, 0) == 0);
    signal_event(up[1]);
    for (;;) pause();
  }
  CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
  wait_for_event(up[0]);
  wait_for_event(up[0]);

  ready_and_wait();

  CHECK(getpid() == self && (pid_t)syscall(SYS_gettid) == self && getpgid(child) == child);
  snprintf(path, sizeof path, "/proc/%d/task/%d/stat", self, tid);
  CHECK(access(path, F_OK) == 0);
  CHECK(syscall(SYS_tgkill, self, tid, SIGUSR2) == 0 && pthread_join(thread, NULL) == 0);
  CHECK(kill(-child, SIGHUP) == 0);
  CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP);
  return pass();
}
