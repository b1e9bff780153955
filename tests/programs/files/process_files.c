/* Files of /proc: of the process itself, read in part and not at all, of a child, a directory of descriptors, and one of the system. */
#include <dirent.h>

#include "stasis_test.h"

static char text[8192];

static const char *content(int fd) {
  const ssize_t n = pread(fd, text, sizeof text - 1, 0);
  CHECK(n > 0);
  text[n] = '\0';
  return text;
}

int main(void) {
  char path[64], wanted[64], begun[16];
  int go[2], status, entries = 0;
  CHECK(pipe(go) == 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    _exit(read(go[0], &byte, 1) == 1 ? 0 : 1);
  }
  snprintf(path, sizeof path, "/proc/%d/stat", (int)child);
  const int own = open("/proc/self/status", O_RDONLY | O_CLOEXEC), others = open(path, O_RDONLY), score = open("/proc/self/oom_score_adj", O_RDWR), memory = open("/proc/meminfo", O_RDONLY);
  DIR *fds = opendir("/proc/self/fd");
  CHECK(own >= 0 && others >= 0 && score >= 0 && memory >= 0 && fds != NULL && read(own, begun, 5) == 5 && memcmp(begun, "Name:", 5) == 0 && read(memory, begun, 9) == 9);
  ready_and_wait();

  CHECK(lseek(own, 0, SEEK_CUR) == 5 && lseek(memory, 0, SEEK_CUR) == 9 && fcntl(own, F_GETFD) == FD_CLOEXEC);
  snprintf(wanted, sizeof wanted, "\nPid:\t%d\n", (int)getpid());
  CHECK(strstr(content(own), wanted) != NULL);
  snprintf(wanted, sizeof wanted, "%d (", (int)child);
  CHECK(strncmp(content(others), wanted, strlen(wanted)) == 0 && strncmp(content(memory), "MemTotal:", 9) == 0);
  CHECK(pwrite(score, "500", 3, 0) == 3 && atoi(content(score)) == 500);
  while (readdir(fds) != NULL) entries++;
  CHECK(entries >= 8);
  signal_event(go[1]);
  CHECK(waitpid(child, &status, 0) == child && status == 0 && pread(others, text, 10, 0) == -1 && errno == ESRCH);
  return pass();
}
