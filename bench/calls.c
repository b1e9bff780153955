/* Prints the cost of one call in nanoseconds for each of the calls that a wrapper could slow down: "NAME NANOSECONDS" a line.
 *
 * The fastest of several short rounds: on a machine that others use, too, noise only adds. Run by bench/run_time_cost with and without us.
 * World: programs of users. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int zero, null, ends[2];
static char *self;
static char byte;
static struct stat status;
static struct timespec now;

static void *nothing(void *argument) { return argument; }

static void call_getpid(void) { getpid(); }
static void call_read(void) { if (read(zero, &byte, 1) != 1) abort(); }
static void call_write(void) { if (write(null, &byte, 1) != 1) abort(); }
static void call_open_close(void) { close(open("/dev/null", O_RDONLY)); }
static void call_stat(void) { stat("/dev/null", &status); }
static void call_malloc(void) { void *volatile block = malloc(100); free(block); }
static void call_clock_gettime(void) { clock_gettime(CLOCK_MONOTONIC, &now); }
static void call_pipe(void) { if (pipe(ends) != 0) abort(); close(ends[0]); close(ends[1]); }
static void call_sigprocmask(void) { sigset_t old; sigset_t none; sigemptyset(&none); pthread_sigmask(SIG_BLOCK, &none, &old); }
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static void call_mutex(void) {
  for (int i = 0; i < 100; i++) pthread_mutex_lock(&mutex), pthread_mutex_unlock(&mutex);
}
static void call_fork_wait(void) {
  const pid_t child = fork();
  if (child == 0) _exit(0);
  if (waitpid(child, NULL, 0) != child) abort();
}
static void call_fork_exec_wait(void) {
  const pid_t child = fork();
  if (child == 0) {
    execl(self, self, "nothing", (char *)NULL);
    _exit(1);
  }
  int end;
  if (waitpid(child, &end, 0) != child || end != 0) abort();
}
static void call_pthread_create_join(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0) abort();
}

static double nanoseconds(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void measure(const char *name, void (*call)(void), int calls) {
  double best = 1e18;
  for (int round = 0; round < 15; round++) {
    const double before = nanoseconds();
    for (int i = 0; i < calls; i++) call();
    const double each = (nanoseconds() - before) / calls;
    if (each < best) best = each;
  }
  printf("%s %.1f\n", name, best);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "nothing") == 0) return 0;
  self = argv[0];
  zero = open("/dev/zero", O_RDONLY);
  null = open("/dev/null", O_WRONLY);
  measure("getpid", call_getpid, 20000);
  measure("read", call_read, 20000);
  measure("write", call_write, 20000);
  measure("open+close", call_open_close, 5000);
  measure("stat", call_stat, 5000);
  measure("malloc+free", call_malloc, 50000);
  measure("clock_gettime", call_clock_gettime, 20000);
  measure("pipe+close", call_pipe, 3000);
  measure("sigprocmask", call_sigprocmask, 20000);
  measure("lock+unlock,100", call_mutex, 20000);
  measure("fork+wait", call_fork_wait, 60);
  measure("fork+exec+wait", call_fork_exec_wait, 30);
  measure("pthread_create+join", call_pthread_create_join, 300);
  return 0;
}
