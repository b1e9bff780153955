/* Shells of system(3) and popen(3) that run at the checkpoint, started by two threads: exit statuses, ends by a signal, SIGINT and SIGQUIT ignored as long as one waits, a handler
 * that interrupts the wait, and a thread that is cancelled in system(3), which ends its shell. */
#include <pthread.h>

#include "stasis_test.h"

static volatile sig_atomic_t handled, interrupted;
static void on_signal(int signal) {
  if (signal == SIGINT) interrupted++;
  else handled++;
}

static void *run(void *command) {
  const int status = system(command);
  return (void *)(long)status;
}
static pthread_t start(const char *command) {
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, run, (void *)command) == 0);
  return thread;
}
static long end_of(pthread_t thread) {
  void *result;
  CHECK(pthread_join(thread, &result) == 0);
  return (long)result;
}
/* The shells tell who they are, open a FIFO, where they wait for somebody to write, and end when something comes in. */
static void until_up(int up, int shells) {
  FILE *told = fdopen(up, "r");
  for (int shell; shells > 0; shells--) {
    CHECK(fscanf(told, "%d", &shell) == 1);
    until_blocked_in(shell, SYS_openat);
  }
  CHECK(fclose(told) == 0);
}
static void let_go(const char *fifo) {
  const int fd = open(fifo, O_WRONLY);
  CHECK(fd >= 0 && write(fd, "\n", 1) == 1 && close(fd) == 0);
}

int main(void) {
  struct sigaction action = {.sa_handler = on_signal};
  int up[2];
  CHECK(sigaction(SIGUSR1, &action, NULL) == 0 && sigaction(SIGINT, &action, NULL) == 0 && pipe(up) == 0 && dup2(up[1], 9) == 9);
  CHECK(system(NULL) != 0 && WEXITSTATUS(system("exit 3")) == 3 && WTERMSIG(system("kill -9 $$")) == SIGKILL && WEXITSTATUS(system("/none")) == 127);
  CHECK(system("mkfifo first second third fourth") == 0);
  const pthread_t first = start("echo $$ >&9; read line < first; exit 5"), second = start("echo $$ >&9; read line < second; kill -15 $$"),
                  third = start("echo $$ >&9; echo $$ > id; read line < third; exit 1");
  FILE *fourth = popen("echo $$ >&9; read line < fourth; exit 8", "w");
  CHECK(fourth != NULL);
  until_up(up[0], 4);
  CHECK(kill(getpid(), SIGINT) == 0 && interrupted == 0);

  ready_and_wait();

  CHECK(kill(getpid(), SIGINT) == 0 && interrupted == 0);
  CHECK(pthread_kill(first, SIGUSR1) == 0);
  let_go("first");
  CHECK(end_of(first) == 5 << 8 && handled == 1);
  let_go("second");
  CHECK(end_of(second) == SIGTERM && interrupted == 0);
  CHECK(pthread_cancel(third) == 0 && end_of(third) == (long)PTHREAD_CANCELED);
  char id[16] = "";
  const int file = open("id", O_RDONLY);
  CHECK(file >= 0 && read(file, id, sizeof id - 1) > 1 && kill(atoi(id), 0) == -1 && errno == ESRCH);
  CHECK(kill(getpid(), SIGINT) == 0 && interrupted == 1); /* nobody waits for a shell any more */
  let_go("fourth");
  CHECK(WEXITSTATUS(pclose(fourth)) == 8 && WEXITSTATUS(system("exit 3")) == 3);
  return pass();
}
