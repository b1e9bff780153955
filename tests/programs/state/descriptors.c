/* Descriptors of other kinds: devices, standard input, an event counter, a memory file, a directory, closed numbers. */
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "stasis_test.h"

int main(void) {
  char bytes[5000], seen[5000];
  struct stat status;
  eventfd_t count;
  fill(bytes, sizeof bytes, 1);
  const int null = open("/dev/null", O_WRONLY), zero = open("/dev/zero", O_RDONLY), random = open("/dev/urandom", O_RDONLY);
  const int event = eventfd(7, EFD_NONBLOCK | EFD_CLOEXEC), memory = memfd_create("piece", MFD_CLOEXEC);
  const int directory = open(".", O_RDONLY | O_DIRECTORY);
  CHECK(null >= 0 && zero >= 0 && random >= 0 && event >= 0 && memory >= 0 && directory >= 0);
  CHECK(write(memory, bytes, sizeof bytes) == sizeof bytes && lseek(memory, 1000, SEEK_SET) == 1000);
  char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  CHECK(map != MAP_FAILED);

  ready_and_wait();

  CHECK(read(0, seen, 1) == 0);
  CHECK(write(null, bytes, 10) == 10 && read(zero, seen, 10) == 10 && seen[9] == 0 && read(random, seen, 10) == 10);
  CHECK(fcntl(event, F_GETFD) == FD_CLOEXEC && eventfd_read(event, &count) == 0 && count == 7);
  CHECK(eventfd_read(event, &count) == -1 && errno == EAGAIN && eventfd_write(event, 3) == 0);
  CHECK(read(memory, seen, sizeof seen) == 4000 && memcmp(seen, bytes + 1000, 4000) == 0);
  CHECK(is_filled(map, 4096, 1) && pwrite(memory, "through", 7, 0) == 7 && memcmp(map, "through", 7) == 0);
  CHECK(fstat(directory, &status) == 0 && S_ISDIR(status.st_mode) && faccessat(directory, "trigger", F_OK, 0) == 0);
  for (int fd = trigger_fd + 1; fd < 1000; fd++) CHECK(fcntl(fd, F_GETFD) == -1);
  return pass();
}
