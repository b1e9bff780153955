/* Shared mappings of files whose descriptors are closed, in a process and its child: they stay the file, for both, under its name, with the bytes and the length of the checkpoint. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "stasis_test.h"

static char *map_and_close(const char *name, int flags, size_t size) {
  const int fd = open(name, flags | O_CREAT, 0640);
  CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
  char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CHECK(map != MAP_FAILED && close(fd) == 0);
  return map;
}

static void check_file(const char *name, const char *map, size_t size) {
  char *held = malloc(size);
  struct stat status;
  const int fd = open(name, O_RDONLY);
  CHECK(fd >= 0 && fstat(fd, &status) == 0 && (size_t)status.st_size == size && (status.st_mode & 0777) == 0640);
  CHECK(read(fd, held, size) == (ssize_t)size && memcmp(held, map, size) == 0 && close(fd) == 0);
  free(held);
}

int main(void) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 64 * page, odd = 2 * page + 77;
  CHECK(mkdir("session", 0700) == 0);
  char *map = map_and_close("session/segment", O_RDWR | O_EXCL, size), *small = map_and_close("session/odd", O_RDWR | O_EXCL, odd);
  fill(map, size / 2, 5);
  fill(small, odd, 9);
  const int reading = open("session/odd", O_RDONLY), locked = open("session/segment", O_RDONLY);
  struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
  CHECK(reading >= 0 && locked >= 0 && fcntl(locked, F_SETLK, &lock) == 0);
  int standing[2], go[2];
  CHECK(pipe(standing) == 0 && pipe(go) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    char *own = map_and_close("session/segment", O_RDWR, size);
    signal_event(standing[1]);
    wait_for_event(go[0]);
    CHECK(is_filled(map, size / 2, 5) && own[size - 1] == 'p');
    own[size - 2] = 'c';
    _exit(0);
  }
  wait_for_event(standing[0]);

  ready_and_wait();

  CHECK(is_filled(map, size / 2, 5) && is_filled(small, odd, 9));
  map[size - 1] = 'p';
  signal_event(go[1]);
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0 && map[size - 2] == 'c');
  check_file("session/segment", map, size);
  small[odd - 1] = 'x';
  check_file("session/odd", small, odd);
  return pass();
}
