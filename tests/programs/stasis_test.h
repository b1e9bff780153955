/* What the small C programs of tests/programs share: the protocol with the driver, and checks.
 *
 * A program sets something up, calls ready_and_wait(), and verifies afterwards that all is as it was. Between the two lines the driver
 * checkpoints, kills and restarts it, or not: the program cannot tell. Waiting is a blocking read of a FIFO named "trigger" in the
 * working directory, opened for both directions so that neither opening nor the driver's coming and going ends it.
 * Rule: one program tests one thing, passes natively, and checks everything that it set up.
 * World: programs of users. */
#ifndef STASIS_TEST_H
#define STASIS_TEST_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                                              \
  do {                                                                                                                \
    if (!(condition)) {                                                                                               \
      dprintf(1, "FAIL %s:%d (process %d): %s (errno %d, %s)\n", __FILE__, __LINE__, (int)getpid(), #condition, errno, \
              strerror(errno));                                                                                       \
      _exit(1);                                                                                                       \
    }                                                                                                                 \
  } while (0)

static int trigger_fd = -1;

/* Opens the trigger; only needed before a change of directory, ready_and_wait() does it otherwise. */
static inline void open_trigger(void) {
  if (trigger_fd < 0) trigger_fd = open("trigger", O_RDWR | O_CLOEXEC);
  CHECK(trigger_fd >= 0);
}

/* Tells the driver that all is set up and waits for its word to verify. Call it once, in one process. */
static inline void ready_and_wait(void) {
  char byte;
  ssize_t n;
  open_trigger();
  CHECK(write(1, "READY\n", 6) == 6);
  do n = read(trigger_fd, &byte, 1);
  while (n < 0 && errno == EINTR);
  CHECK(n == 1);
}

/* The last thing a program does: tells the driver that everything was found as it should be. */
static inline int pass(void) {
  CHECK(write(1, "PASS\n", 5) == 5);
  return 0;
}

/* A pipe by which one process or thread waits for another's event: wait_for_event() blocks until signal_event() came. */
static inline void signal_event(int fd) { CHECK(write(fd, "e", 1) == 1); }
static inline void wait_for_event(int fd) {
  char byte;
  ssize_t n;
  do n = read(fd, &byte, 1);
  while (n < 0 && errno == EINTR);
  CHECK(n == 1);
}

/* Returns when that process or thread blocks in that system call: for what is asleep at the checkpoint, and only an event before the call can tell of. */
static inline void until_blocked_in(pid_t task, long call) {
  char path[32], wanted[16], found[16] = "";
  snprintf(path, sizeof path, "/proc/%d/syscall", (int)task);
  const size_t length = (size_t)snprintf(wanted, sizeof wanted, "%ld ", call);
  while (memcmp(found, wanted, length) != 0) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read(fd, found, length) >= 0 && close(fd) == 0);
  }
}

/* Fills memory with bytes that depend on their place and on `seed`, and says whether they are still there. */
static inline void fill(void *memory, size_t size, unsigned seed) {
  unsigned char *bytes = memory;
  for (size_t i = 0; i < size; i++) bytes[i] = (unsigned char)((i * 2654435761u >> 11) + seed);
}
static inline int is_filled(const void *memory, size_t size, unsigned seed) {
  const unsigned char *bytes = memory;
  for (size_t i = 0; i < size; i++)
    if (bytes[i] != (unsigned char)((i * 2654435761u >> 11) + seed)) return 0;
  return 1;
}
#endif
