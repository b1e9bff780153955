/* A process that overwrote its command line, as servers do to say what they are at, and moved it elsewhere (PR_SET_MM_MAP), shows that text afterwards; its
 * auxiliary vector and environment can be read. */
#include <linux/prctl.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "stasis_test.h"

static size_t slurp(const char *path, char *buffer, size_t size) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0);
  const ssize_t n = read(fd, buffer, size);
  CHECK(n >= 0 && close(fd) == 0);
  return (size_t)n;
}

/* Fields of /proc/self/stat from the 26th on, proc_pid_stat(5). */
static void read_places(unsigned long *fields) {
  char text[2048] = "";
  slurp("/proc/self/stat", text, sizeof text - 1);
  char *at = strrchr(text, ')') + 2;
  for (int i = 3; i <= 51; i++, at = strchr(at, ' ') + 1) fields[i] = strtoul(at, NULL, 10);
}

int main(int argc, char **argv) {
  static char vector[4096], vector_after[4096], line[4096];
  unsigned long place[52] = {0};
  const char title[] = "server: idle";
  CHECK(argc == 1 && strlen(argv[0]) > sizeof title);
  int up[2];
  CHECK(pipe(up) == 0);
  read_places(place);
  const pid_t child = fork(); /* overwrites in place */
  if (child == 0) {
    memset(argv[0], 0, strlen(argv[0]));
    memcpy(argv[0], title, sizeof title);
  } else {
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    memcpy(page, title, sizeof title);
    struct prctl_mm_map map = {.start_code = place[26], .end_code = place[27], .start_stack = place[28], .start_data = place[45], .end_data = place[46],
                               .start_brk = place[47], .brk = (unsigned long)sbrk(0), .arg_start = (unsigned long)page,
                               .arg_end = (unsigned long)page + sizeof title, .env_start = place[50], .env_end = place[51], .exe_fd = (unsigned)-1};
    CHECK(prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) == 0);
  }
  const size_t size = slurp("/proc/self/auxv", vector, sizeof vector);
  int status;
  if (child == 0) {
    signal_event(up[1]);
    pause();
  }
  wait_for_event(up[0]);

  ready_and_wait();

  CHECK(slurp("/proc/self/cmdline", line, sizeof line) >= sizeof title && memcmp(line, title, sizeof title) == 0);
  CHECK(slurp("/proc/self/auxv", vector_after, sizeof vector) == size && memcmp(vector, vector_after, size) == 0);
  CHECK(getauxval(AT_PAGESZ) == 4096 && getauxval(AT_SYSINFO_EHDR) != 0 && getauxval(AT_RANDOM) != 0);
  char of_child[64];
  snprintf(of_child, sizeof of_child, "/proc/%d/cmdline", (int)child);
  CHECK(slurp(of_child, line, sizeof line) >= sizeof title && memcmp(line, title, sizeof title) == 0);
  CHECK(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child);
  return pass();
}
