/* Contents of /proc: what stat, status, children, locks, timers and fdinfo say of the process, its thread, its child and a process descriptor, read whole, in
 * pieces and as a stream. */
#include <pthread.h>
#include <stdarg.h>
#include <time.h>

#include "stasis_test.h"

static int up[2], go[2];
static pid_t thread_id;

static void *idle(void *unused) {
  thread_id = (pid_t)syscall(SYS_gettid);
  signal_event(up[1]);
  wait_for_event(go[0]);
  return unused;
}

static const char *content(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *content(const char *format, ...) {
  static char text[65536], pieces[65536];
  char path[64];
  ssize_t size, n, part = 0;
  va_list list;
  va_start(list, format);
  vsnprintf(path, sizeof path, format, list);
  va_end(list);
  const int fd = open(path, O_RDONLY);
  CHECK(fd >= 0 && (size = read(fd, text, sizeof text - 1)) > 0);
  text[size] = '\0';
  if (strncmp(path, "/proc/self/", 11) == 0 && strstr(path, "/task/") == NULL) { /* others begin or cease to run meanwhile */
    const char *name = strrchr(text, ')'); /* soon after it stat counts */
    const ssize_t stable = name != NULL ? name - text + 12 : size < 90 ? size : 90;
    for (; part < stable && (n = pread(fd, pieces + part, 1, part)) == 1; part++) continue;
    CHECK(part == stable && memcmp(text, pieces, (size_t)stable) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    for (part = 0; part < stable && (n = read(fd, pieces + part, 3)) > 0; part += n) CHECK(lseek(fd, 0, SEEK_CUR) == part + n);
    CHECK(part >= stable && memcmp(text, pieces, (size_t)stable) == 0);
  }
  close(fd);
  return text;
}

static int says(const char *text, const char *key, pid_t id) {
  char line[64];
  snprintf(line, sizeof line, "\n%s:\t%d\n", key, (int)id);
  return strstr(text, line) != NULL;
}

static void check_stat(const char *text, pid_t id, pid_t parent) {
  int own, others[3];
  CHECK(sscanf(text, "%d (", &own) == 1 && own == id);
  CHECK(sscanf(strrchr(text, ')'), ") %*c %d %d %d", &others[0], &others[1], &others[2]) == 3);
  CHECK(others[0] == parent && others[1] == getpgrp() && others[2] == getsid(0));
}

int main(void) {
  pthread_t thread;
  timer_t timer;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
  char wanted[64], line[256];
  int status;
  CHECK(setpgid(0, 0) == 0 && pipe(up) == 0 && pipe(go) == 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    _exit(read(go[0], &byte, 1) == 1 ? 0 : 1);
  }
  const int pidfd = (int)syscall(SYS_pidfd_open, child, 0), file = open("locked", O_RDWR | O_CREAT, 0600);
  CHECK(child > 0 && pidfd >= 0 && file >= 0 && fcntl(file, F_SETLK, &lock) == 0 && timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
  CHECK(pthread_create(&thread, NULL, idle, NULL) == 0);
  wait_for_event(up[0]);

  ready_and_wait();

  const pid_t own = getpid();
  check_stat(content("/proc/self/stat"), own, getppid());
  check_stat(content("/proc/%d/stat", (int)child), child, own);
  check_stat(content("/proc/self/task/%d/stat", (int)thread_id), thread_id, getppid());
  const char *text = content("/proc/self/status");
  CHECK(says(text, "Pid", own) && says(text, "Tgid", own) && says(text, "PPid", getppid()) && says(text, "TracerPid", 0));
  text = content("/proc/%d/status", (int)child);
  CHECK(says(text, "Pid", child) && says(text, "Tgid", child) && says(text, "PPid", own));
  text = content("/proc/self/task/%d/status", (int)thread_id);
  CHECK(says(text, "Pid", thread_id) && says(text, "Tgid", own));
  CHECK(atoi(content("/proc/self/task/%d/children", (int)own)) == child);
  CHECK(says(content("/proc/self/fdinfo/%d", pidfd), "Pid", child));
  snprintf(wanted, sizeof wanted, "POSIX  ADVISORY  WRITE %d ", (int)own);
  CHECK(strstr(content("/proc/locks"), wanted) != NULL && strstr(content("/proc/self/fdinfo/%d", file), wanted) != NULL);
  snprintf(wanted, sizeof wanted, "notify: signal/pid.%d\n", (int)own);
  CHECK(strstr(content("/proc/self/timers"), wanted) != NULL);

  FILE *stream = fopen("/proc/self/status", "re");
  int found = 0;
  CHECK(stream != NULL && fcntl(fileno(stream), F_GETFD) == FD_CLOEXEC);
  for (int round = 0; round < 2; round++, rewind(stream))
    while (fgets(line, sizeof line, stream) != NULL) found += sscanf(line, "Pid:\t%d", &status) == 1 && status == own;
  CHECK(found == 2 && fclose(stream) == 0);

  signal_event(go[1]);
  signal_event(go[1]);
  CHECK(pthread_join(thread, NULL) == 0 && waitpid(child, &status, 0) == child && status == 0);
  return pass();
}
