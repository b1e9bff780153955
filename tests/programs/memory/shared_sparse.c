/* Shared memory of 24 GiB with a few pages in use, anonymous and of a file without a name, costs a few pages and stays shared with a child. */
#include <sys/mman.h>
#include <sys/stat.h>

#include "stasis_test.h"

enum { kPage = 4096, kParts = 12 };
static const size_t kSize = 24ul << 30;

int main(void) {
  int go[2], status;
  const int fd = memfd_create("sparse", MFD_CLOEXEC);
  CHECK(pipe(go) == 0 && fd >= 0 && ftruncate(fd, (off_t)kSize) == 0);
  char *anonymous = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  char *file = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
  CHECK(anonymous != MAP_FAILED && file != MAP_FAILED);
  for (unsigned i = 0; i < kParts; i++) {
    fill(anonymous + i * (kSize / kParts / kPage * kPage), kPage, i);
    fill(file + i * (kSize / kParts / kPage * kPage), kPage, i + 100);
  }
  const pid_t child = fork();
  if (child == 0) {
    wait_for_event(go[0]);
    anonymous[kSize - 1] = 'a', file[kSize - 1] = 'f';
    _exit(0);
  }

  ready_and_wait();

  for (unsigned i = 0; i < kParts; i++) {
    CHECK(is_filled(anonymous + i * (kSize / kParts / kPage * kPage), kPage, i) && anonymous[i * (kSize / kParts / kPage * kPage) + kPage] == 0);
    CHECK(is_filled(file + i * (kSize / kParts / kPage * kPage), kPage, i + 100));
  }
  struct stat now;
  CHECK(fstat(fd, &now) == 0 && (size_t)now.st_size == kSize && now.st_blocks * 512 < 64 << 20);
  signal_event(go[1]);
  CHECK(waitpid(child, &status, 0) == child && status == 0 && anonymous[kSize - 1] == 'a' && file[kSize - 1] == 'f');
  return pass();
}
