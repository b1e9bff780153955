/* A thread that opens, closes and forks all the time while the main thread, who gets the stop signal, stands by: each open gets the lowest number that is
 * free, and no child has a descriptor that its parent has not opened. What a checkpoint opens for itself must not be seen there.
 * Prints what was wrong, and "end". */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { rounds = 8000, first = 3, looked_at = 16 };

static void look_in_child(int opened) {
  for (int fd = first; fd < first + looked_at; fd++) {
    if (fd == opened || (fcntl(fd, F_GETFD) < 0 && errno == EBADF)) continue;
    char path[64], target[256] = "";
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (readlink(path, target, sizeof target - 1) < 0) perror(path);
    dprintf(1, "a child has descriptor %d, %s\n", fd, target);
    _exit(1);
  }
  _exit(0);
}

static void *storm(void *nothing) {
  for (int round = 0; round < rounds; round++) {
    const int fd = open("/dev/null", O_RDONLY);
    if (fd != first) printf("open gave %d\n", fd);
    if (round % 8 == 0) {
      const pid_t child = fork();
      if (child < 0) return perror("fork"), nothing;
      if (child == 0) look_in_child(fd);
      int status;
      while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return perror("waitpid"), nothing;
      if (status != 0) printf("a child ended with %d\n", status);
    }
    close(fd);
  }
  puts("end");
  return nothing;
}

int main(void) {
  closefrom(first);
  pthread_t thread;
  if (pthread_create(&thread, NULL, storm, NULL) != 0) return 1;
  return pthread_join(thread, NULL);
}
