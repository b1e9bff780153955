/* 600 descriptors, some of one file, some far up, with and without close-on-exec: each number is what it was, and no other is open. */
#include <sys/resource.h>
#include <sys/stat.h>

#include "stasis_test.h"

enum { kFiles = 600, kFar = 900 };

int main(void) {
  char name[20], byte;
  int files[kFiles];
  struct rlimit limit = {1000, 1000};
  open_trigger();
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0 && mkdir("many", 0700) == 0);
  for (int i = 0; i < kFiles; i++) {
    snprintf(name, sizeof name, "many/%d", i / 2);
    files[i] = open(name, O_RDWR | O_CREAT | (i % 3 == 0 ? O_CLOEXEC : 0), 0600);
    CHECK(files[i] >= 0 && ftruncate(files[i], 1000) == 0 && lseek(files[i], i, SEEK_SET) == i);
  }
  for (int i = 0; i < kFiles; i += 10) CHECK(close(files[i]) == 0);
  CHECK(dup2(files[1], kFar) == kFar && dup3(files[2], kFar + 1, O_CLOEXEC) == kFar + 1);

  ready_and_wait();

  for (int i = 0; i < kFiles; i++) {
    if (i % 10 == 0) {
      CHECK(fcntl(files[i], F_GETFD) == -1 && errno == EBADF);
      continue;
    }
    CHECK(fcntl(files[i], F_GETFD) == (i % 3 == 0 ? FD_CLOEXEC : 0));
    CHECK(lseek(files[i], 0, SEEK_CUR) == i && read(files[i], &byte, 1) == 1);
  }
  CHECK(lseek(kFar, 0, SEEK_CUR) == 2 && fcntl(kFar, F_GETFD) == 0);
  CHECK(lseek(kFar + 1, 0, SEEK_CUR) == 3 && fcntl(kFar + 1, F_GETFD) == FD_CLOEXEC);
  return pass();
}
