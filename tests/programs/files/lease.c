/* Leases and owners: a file with a lease that is broken after the restart, and a pipe with an owner and a signal of its own. */
#include "stasis_test.h"

static volatile sig_atomic_t broken, readable, from;
static void on_break(int signal, siginfo_t *info, void *context) { (void)signal, (void)context, broken++, from = info->si_fd; }
static void on_data(int signal, siginfo_t *info, void *context) { (void)signal, (void)context, readable++, from = info->si_fd; }

static void handle(int signal, void (*handler)(int, siginfo_t *, void *)) {
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART};
  action.sa_sigaction = handler;
  CHECK(sigaction(signal, &action, NULL) == 0);
}

int main(void) {
  int data[2], status;
  struct f_owner_ex owner = {F_OWNER_PID, getpid()}, seen;
  handle(SIGRTMIN + 1, on_break), handle(SIGRTMIN + 2, on_data);
  CHECK(close(open("file", O_RDWR | O_CREAT, 0600)) == 0 && pipe(data) == 0);
  const int file = open("file", O_RDONLY);
  CHECK(fcntl(file, F_SETSIG, SIGRTMIN + 1) == 0 && fcntl(file, F_SETLEASE, F_RDLCK) == 0);
  CHECK(fcntl(data[0], F_SETOWN_EX, &owner) == 0 && fcntl(data[0], F_SETSIG, SIGRTMIN + 2) == 0 && fcntl(data[0], F_SETFL, O_ASYNC) == 0);
  ready_and_wait();

  CHECK(fcntl(file, F_GETLEASE) == F_RDLCK && fcntl(data[0], F_GETOWN_EX, &seen) == 0 && seen.type == F_OWNER_PID && seen.pid == getpid());
  const pid_t child = fork();
  if (child == 0) _exit(open("file", O_WRONLY | O_NONBLOCK) == -1 && errno == EWOULDBLOCK ? 0 : 1);
  CHECK(waitpid(child, &status, 0) == child && status == 0 && broken == 1 && from == file);
  CHECK(fcntl(file, F_SETLEASE, F_UNLCK) == 0 && write(data[1], "x", 1) == 1 && readable == 1 && from == data[0]);
  return pass();
}
