/* A process that executes itself anew through /proc/self/exe from a thread, with a cleared environment, descriptors closed and signals blocked, keeps its id and what it has left open. */
#include <pthread.h>

#include "stasis_test.h"

static char *self;
static void *execute(void *argument) {
  char id[16];
  char *none[] = {NULL}, *words[] = {self, "again", id, argument, NULL};
  snprintf(id, sizeof id, "%d", (int)getpid());
  execve("/proc/self/exe", words, none);
  CHECK(!"exec");
  return NULL;
}

int main(int argc, char **argv) {
  int status;
  sigset_t mask;
  char bytes[5] = "";
  self = argv[0];
  if (argc > 1) {
    CHECK(atoi(argv[2]) == getpid() && sigprocmask(SIG_SETMASK, NULL, &mask) == 0 && sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGUSR2) == 0);
    if (argv[3][0] == '1') ready_and_wait();
    CHECK(read(9, bytes, 4) == 4 && strcmp(bytes, "kept") == 0 && fcntl(10, F_GETFD) == -1);
    if (argv[3][0] == '2') return 0;
    const pid_t child = fork(); /* and once more, after the checkpoint */
    if (child == 0) {
      CHECK(lseek(9, 0, SEEK_SET) == 0);
      pthread_t thread;
      CHECK(pthread_create(&thread, NULL, execute, "2") == 0);
      pause();
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    return pass();
  }
  const int file = open("kept", O_RDWR | O_CREAT | O_TRUNC, 0600);
  CHECK(write(file, "kept", 4) == 4 && lseek(file, 0, SEEK_SET) == 0 && dup2(file, 9) == 9 && dup3(file, 10, O_CLOEXEC) == 10);
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  CHECK(sigprocmask(SIG_SETMASK, &mask, NULL) == 0);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, execute, "1") == 0);
  for (;;) pause();
}
