/* What is set by prctl, personality and files of /proc: what a core dump holds, huge pages, machine checks, time stamps, write or execute, personality
 * and the score for running out of memory. */
#include <sys/personality.h>
#include <sys/prctl.h>

#include "stasis_test.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif

static void put(const char *file, const char *text) {
  const int fd = open(file, O_WRONLY | O_CLOEXEC);
  CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

static int says(const char *file, const char *text) {
  char there[128] = "";
  const int fd = open(file, O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0 && read(fd, there, sizeof there - 1) > 0 && close(fd) == 0);
  if (strstr(there, text) == NULL) dprintf(1, "%s: %s", file, there);
  return strstr(there, text) != NULL;
}

int main(void) {
  int tsc = 0;
  put("/proc/self/coredump_filter", "0x15");
  put("/proc/self/oom_score_adj", "345");
  CHECK(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_MCE_KILL, PR_MCE_KILL_SET, PR_MCE_KILL_EARLY, 0, 0) == 0);
  const int has_tsc = prctl(PR_SET_TSC, PR_TSC_ENABLE, 0, 0, 0) == 0;
  const int has_mdwe = prctl(PR_SET_MDWE, 1, 0, 0, 0) == 0;
  const int old = personality(0xffffffff);
  CHECK(personality((unsigned long)old | ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT) != -1);

  ready_and_wait();

  CHECK(says("/proc/self/coredump_filter", "00000015") && says("/proc/self/oom_score_adj", "345"));
  CHECK(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 1 && prctl(PR_MCE_KILL_GET, 0, 0, 0, 0) == PR_MCE_KILL_EARLY);
  CHECK(!has_tsc || (prctl(PR_GET_TSC, &tsc, 0, 0, 0) == 0 && tsc == PR_TSC_ENABLE));
  CHECK(!has_mdwe || prctl(PR_GET_MDWE, 0, 0, 0, 0) == 1);
  CHECK(personality(0xffffffff) == (old | ADDR_NO_RANDOMIZE | ADDR_COMPAT_LAYOUT));
  return pass();
}
