/* POSIX shared memory: kept open, closed, and unlinked, mapped by two processes that see each other's writes, found under its name afterwards. */
#include <sys/mman.h>
#include <sys/stat.h>

#include "stasis_test.h"

enum { kSize = 300000 };

static char *make(const char *name, int *fd) {
  *fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0640);
  CHECK(*fd >= 0 && ftruncate(*fd, kSize) == 0);
  char *memory = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
  CHECK(memory != MAP_FAILED);
  return memory;
}

int main(void) {
  char open_name[64], closed_name[64], gone_name[64];
  int open_fd, closed_fd, gone_fd, up[2], go[2], status;
  struct stat file;
  snprintf(open_name, sizeof open_name, "/stasis-test-%d-open", (int)getpid());
  snprintf(closed_name, sizeof closed_name, "/stasis-test-%d-closed", (int)getpid());
  snprintf(gone_name, sizeof gone_name, "/stasis-test-%d-gone", (int)getpid());
  char *kept = make(open_name, &open_fd), *closed = make(closed_name, &closed_fd), *gone = make(gone_name, &gone_fd);
  CHECK(close(closed_fd) == 0 && close(gone_fd) == 0 && shm_unlink(gone_name) == 0 && pipe(up) == 0 && pipe(go) == 0);
  fill(kept, kSize, 1), fill(closed, kSize, 2), fill(gone, kSize, 3);
  const pid_t child = fork();
  if (child == 0) {
    wait_for_event(go[0]);
    CHECK(is_filled(kept, kSize, 1) && is_filled(closed, kSize, 2) && is_filled(gone, kSize, 3));
    fill(kept, kSize, 11), fill(closed, kSize, 12), fill(gone, kSize, 13);
    signal_event(up[1]);
    _exit(0);
  }
  ready_and_wait();

  CHECK(is_filled(kept, kSize, 1) && is_filled(closed, kSize, 2) && is_filled(gone, kSize, 3));
  signal_event(go[1]);
  wait_for_event(up[0]);
  CHECK(is_filled(kept, kSize, 11) && is_filled(closed, kSize, 12) && is_filled(gone, kSize, 13));
  const int again = shm_open(closed_name, O_RDWR, 0), other = shm_open(open_name, O_RDONLY, 0);
  const char *seen = mmap(NULL, kSize, PROT_READ, MAP_SHARED, again, 0), *same = mmap(NULL, kSize, PROT_READ, MAP_SHARED, other, 0);
  CHECK(again >= 0 && other >= 0 && seen != MAP_FAILED && same != MAP_FAILED && is_filled(seen, kSize, 12) && is_filled(same, kSize, 11));
  closed[5] = 'y', kept[6] = 'z';
  CHECK(seen[5] == 'y' && same[6] == 'z' && fstat(again, &file) == 0 && (file.st_mode & 0777) == 0640 && file.st_size == kSize);
  CHECK(pread(open_fd, gone, 1, 6) == 1 && gone[0] == 'z' && shm_open(gone_name, O_RDWR, 0) == -1 && errno == ENOENT);
  CHECK(waitpid(child, &status, 0) == child && status == 0 && shm_unlink(open_name) == 0 && shm_unlink(closed_name) == 0);
  return pass();
}
