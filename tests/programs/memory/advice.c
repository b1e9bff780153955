/* What madvise was told of an area shows in smaps afterwards: DONTFORK, WIPEONFORK, DONTDUMP, MERGEABLE, HUGEPAGE, NOHUGEPAGE, SEQUENTIAL, RANDOM. */
#include <sys/mman.h>

#include "stasis_test.h"

enum { kSize = 4 << 20, kAreas = 8 };
static const struct {
  int advice;
  const char *flag; /* proc_pid_smaps(5), VmFlags */
} kAdvice[kAreas] = {{MADV_DONTFORK, " dc"},  {MADV_WIPEONFORK, " wf"},  {MADV_DONTDUMP, " dd"},   {MADV_MERGEABLE, " mg"},
                     {MADV_HUGEPAGE, " hg"}, {MADV_NOHUGEPAGE, " nh"}, {MADV_SEQUENTIAL, " sr"}, {MADV_RANDOM, " rr"}};

/* The line VmFlags of the mapping that begins at `start`. */
static void read_flags(const void *start, char *flags, size_t size) {
  char wanted[32], line[1024];
  int found = 0;
  FILE *file = fopen("/proc/self/smaps", "re");
  CHECK(file != NULL);
  snprintf(wanted, sizeof wanted, "%lx-", (unsigned long)start);
  flags[0] = '\0';
  while (flags[0] == '\0' && fgets(line, sizeof line, file) != NULL) {
    if (strncmp(line, wanted, strlen(wanted)) == 0) found = 1;
    if (found && strncmp(line, "VmFlags:", 8) == 0) snprintf(flags, size, "%s", line + 8);
  }
  fclose(file);
  CHECK(flags[0] != '\0');
}

int main(void) {
  char *areas[kAreas], before[kAreas][256], after[256];
  int told[kAreas];
  for (int i = 0; i < kAreas; i++) {
    char *room = mmap(NULL, kSize + 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(room != MAP_FAILED);
    areas[i] = mmap(room, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    CHECK(areas[i] == room);
    told[i] = madvise(areas[i], kSize, kAdvice[i].advice) == 0;
    CHECK(told[i] || errno == EINVAL); /* a kernel without huge pages or page merging */
    fill(areas[i], kSize / 2, (unsigned)i);
    read_flags(areas[i], before[i], sizeof before[i]);
    CHECK(!told[i] || strstr(before[i], kAdvice[i].flag) != NULL);
  }

  ready_and_wait();

  for (int i = 0; i < kAreas; i++) {
    read_flags(areas[i], after, sizeof after);
    if (told[i] && strstr(after, kAdvice[i].flag) == NULL) dprintf(1, "area %d: was%s is%s", i, before[i], after);
    CHECK(!told[i] || strstr(after, kAdvice[i].flag) != NULL);
    for (int j = 0; j < kAreas; j++) /* filling may ask for huge pages, docs/LIMITS.md */
      CHECK(j == i || j == 4 || strstr(before[i], kAdvice[j].flag) != NULL || strstr(after, kAdvice[j].flag) == NULL);
    CHECK(is_filled(areas[i], kSize / 2, (unsigned)i) && areas[i][kSize - 1] == 0);
  }
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    unsigned char resident;
    CHECK(mincore(areas[0], 4096, &resident) == -1 && errno == ENOMEM);
    CHECK(areas[1][0] == 0 && areas[1][kSize / 2 - 1] == 0 && is_filled(areas[2], kSize / 2, 2));
    _exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  return pass();
}
