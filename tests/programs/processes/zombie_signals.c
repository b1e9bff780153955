/* Children that have ended: waitid tells code, status and user, a pending SIGCHLD says who, and a child that ends with another signal than SIGCHLD, or
 * none, is waited for as such. */
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "stasis_test.h"

static pid_t ended(int exit_signal, int status, int signal) {
  const pid_t child = (pid_t)syscall(SYS_clone, exit_signal, NULL, NULL, NULL, NULL);
  CHECK(child >= 0);
  if (child == 0) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    if (signal) syscall(SYS_kill, syscall(SYS_getpid), signal);
    syscall(SYS_exit_group, status);
  }
  siginfo_t info;
  CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT | __WALL) == 0);
  return child;
}

int main(void) {
  sigset_t mask;
  siginfo_t info = {0};
  int status;
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigaddset(&mask, SIGUSR1);
  CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
  const pid_t first = ended(SIGCHLD, 7, 0), second = ended(SIGCHLD, 0, SIGKILL), silent = ended(0, 9, 0), other = ended(SIGUSR1, 11, 0);

  ready_and_wait();

  CHECK(sigtimedwait(&mask, &info, &(struct timespec){0, 0}) == SIGUSR1 && info.si_pid == other && info.si_status == 11);
  CHECK(sigtimedwait(&mask, &info, &(struct timespec){0, 0}) == SIGCHLD && info.si_pid == first && info.si_status == 7 && info.si_code == CLD_EXITED);
  CHECK(sigtimedwait(&mask, &info, &(struct timespec){0, 0}) == -1 && errno == EAGAIN);
  CHECK(waitid(P_PID, (id_t)first, &info, WEXITED | WNOWAIT) == 0 && info.si_code == CLD_EXITED && info.si_status == 7 && info.si_uid == getuid());
  CHECK(waitid(P_PID, (id_t)second, &info, WEXITED) == 0 && info.si_code == CLD_KILLED && info.si_status == SIGKILL);
  CHECK(waitpid(silent, &status, WNOHANG) == -1 && errno == ECHILD);
  CHECK(waitpid(silent, &status, __WCLONE) == silent && WEXITSTATUS(status) == 9);
  CHECK(waitpid(other, &status, __WALL) == other && WEXITSTATUS(status) == 11);
  CHECK(waitpid(first, &status, 0) == first && WEXITSTATUS(status) == 7);
  CHECK(waitpid(-1, &status, __WALL | WNOHANG) == -1 && errno == ECHILD);
  return pass();
}
