/* A program whose constructors, which run before main, have opened a file, started a thread, forked, set a signal's action and a timer: all of it is there in main and afterwards. */
#include <pthread.h>
#include <sys/time.h>

#include "stasis_test.h"

static int up[2], go[2], file;
static pid_t child;
static pthread_t thread;
static volatile sig_atomic_t handled;

static void on_signal(int signal) { (void)signal, handled++; }
static void *serve(void *argument) {
  signal_event(up[1]);
  wait_for_event(go[0]);
  return argument;
}

__attribute__((constructor)) static void before_main(void) {
  const struct itimerval far = {{0, 0}, {100000, 0}};
  CHECK(pipe(up) == 0 && pipe(go) == 0);
  file = open("early", O_RDWR | O_CREAT | O_TRUNC, 0600);
  CHECK(file >= 0 && write(file, "early", 5) == 5);
  CHECK(signal(SIGUSR1, on_signal) != SIG_ERR && setitimer(ITIMER_REAL, &far, NULL) == 0);
  child = fork();
  if (child == 0) {
    signal_event(up[1]);
    wait_for_event(go[0]);
    _exit(6);
  }
  CHECK(pthread_create(&thread, NULL, serve, up) == 0);
  wait_for_event(up[0]);
  wait_for_event(up[0]);
}

int main(void) {
  ready_and_wait();

  char bytes[6] = "";
  int status;
  void *result;
  struct itimerval left;
  CHECK(lseek(file, 0, SEEK_CUR) == 5 && pread(file, bytes, 5, 0) == 5 && strcmp(bytes, "early") == 0);
  CHECK(raise(SIGUSR1) == 0 && handled == 1 && getitimer(ITIMER_REAL, &left) == 0 && left.it_value.tv_sec > 90000);
  signal_event(go[1]);
  signal_event(go[1]);
  CHECK(pthread_join(thread, &result) == 0 && result == up);
  CHECK(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 6);
  return pass();
}
