/* POSIX message queues: attributes, messages by priority and order, one direction only, unlinked, opened twice, a reader and a writer that sleep. */
#include <mqueue.h>
#include <sys/stat.h>

#include "stasis_test.h"

enum { kMost = 5, kSize = 300 };

static mqd_t make(const char *name, int flags) {
  struct mq_attr attributes = {.mq_maxmsg = kMost, .mq_msgsize = kSize};
  const mqd_t queue = mq_open(name, flags | O_CREAT | O_EXCL, 0640, &attributes);
  CHECK(queue >= 0);
  return queue;
}
static void expect(mqd_t queue, const char *text, unsigned wanted) {
  char bytes[kSize];
  unsigned priority;
  CHECK(mq_receive(queue, bytes, kSize, &priority) == (ssize_t)strlen(text) && priority == wanted && memcmp(bytes, text, strlen(text)) == 0);
}
static void put(mqd_t queue, const char *text, unsigned priority) { CHECK(mq_send(queue, text, strlen(text), priority) == 0); }

int main(void) {
  char name[4][64], big[kSize], bytes[kSize];
  struct mq_attr state;
  struct stat file;
  int up[2], status;
  unsigned priority;
  for (int i = 0; i < 4; i++) snprintf(name[i], sizeof name[i], "/stasis-test-%d-%d", (int)getpid(), i);
  const mqd_t queue = make(name[0], O_WRONLY), gone = make(name[1], O_RDWR | O_NONBLOCK), full = make(name[2], O_RDWR), empty = make(name[3], O_RDWR);
  const mqd_t reading = mq_open(name[0], O_RDONLY | O_NONBLOCK);
  CHECK(reading >= 0 && pipe(up) == 0 && mq_unlink(name[1]) == 0);
  put(queue, "low", 1), put(queue, "high", 30000), put(queue, "", 7), put(queue, "low, later", 1);
  fill(big, kSize, 5);
  CHECK(mq_send(gone, big, kSize, 3) == 0);
  for (int i = 0; i < kMost; i++) put(full, "full", 2);
  const pid_t writer = fork();
  if (writer == 0) {
    const mqd_t own = mq_open(name[0], O_RDWR); /* another process records the same queue */
    signal_event(up[1]);
    put(full, "late", 9);
    put(own, "own", 0);
    _exit(0);
  }
  const pid_t reader = fork();
  if (reader == 0) {
    signal_event(up[1]);
    expect(empty, "for the reader", 4);
    _exit(0);
  }
  wait_for_event(up[0]), wait_for_event(up[0]);
  ready_and_wait();

  CHECK(mq_getattr(reading, &state) == 0 && state.mq_maxmsg == kMost && state.mq_msgsize == kSize && state.mq_curmsgs == 4 && state.mq_flags == O_NONBLOCK);
  CHECK(mq_getattr(queue, &state) == 0 && state.mq_flags == 0 && fstat(queue, &file) == 0 && (file.st_mode & 0777) == 0640);
  CHECK(mq_receive(queue, bytes, kSize, NULL) == -1 && errno == EBADF && mq_send(reading, "x", 1, 0) == -1 && errno == EBADF);
  const mqd_t again = mq_open(name[0], O_RDONLY | O_NONBLOCK);
  CHECK(again >= 0);
  expect(again, "high", 30000), expect(reading, "", 7), expect(again, "low", 1), expect(reading, "low, later", 1);
  CHECK(mq_receive(gone, bytes, kSize, &priority) == kSize && priority == 3 && is_filled(bytes, kSize, 5));
  CHECK(mq_receive(gone, bytes, kSize, NULL) == -1 && errno == EAGAIN && mq_open(name[1], O_RDONLY) == -1 && errno == ENOENT);
  expect(full, "full", 2);
  CHECK(waitpid(writer, &status, 0) == writer && status == 0);
  expect(full, "late", 9);
  for (int i = 1; i < kMost; i++) expect(full, "full", 2);
  put(empty, "for the reader", 4);
  CHECK(waitpid(reader, &status, 0) == reader && status == 0);
  expect(reading, "own", 0);
  CHECK(mq_unlink(name[0]) == 0 && mq_unlink(name[2]) == 0 && mq_unlink(name[3]) == 0);
  return pass();
}
