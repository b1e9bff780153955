/* Inotify: directories and files that are watched, under numbers with gaps, one instance shared with a child, another with a reader that waits. */
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "stasis_test.h"

static void expect(int fd, int number, uint32_t events, const char *name) {
  char bytes[sizeof(struct inotify_event) + 256];
  struct inotify_event *event = (struct inotify_event *)bytes;
  /* Room for one event only. */
  const size_t size = sizeof *event + (name == NULL ? 0 : 16);
  CHECK(read(fd, bytes, size) >= (ssize_t)sizeof *event && event->wd == number && event->mask == events);
  CHECK(name == NULL ? event->len == 0 : strcmp(event->name, name) == 0);
}

static int waited, number, up[2];
static void *reader(void *unused) {
  signal_event(up[1]);
  expect(waited, number, IN_MODIFY, NULL);
  return unused;
}

int main(void) {
  pthread_t thread;
  int go[2], status;
  CHECK(mkdir("below", 0700) == 0 && mkdir("gone", 0700) == 0 && pipe(up) == 0 && pipe(go) == 0);
  const int file = open("file", O_RDWR | O_CREAT, 0600), other = open("other", O_RDWR | O_CREAT, 0600), shared = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  waited = inotify_init1(0);
  CHECK(file >= 0 && other >= 0 && shared >= 0 && waited >= 0);
  const int first = inotify_add_watch(shared, "below", IN_CREATE | IN_DELETE), gap = inotify_add_watch(shared, "gone", IN_CREATE), third = inotify_add_watch(shared, "file", IN_MODIFY | IN_ATTRIB);
  number = inotify_add_watch(waited, "other", IN_MODIFY | IN_ONESHOT);
  CHECK(first >= 0 && gap >= 0 && third >= 0 && number >= 0 && inotify_rm_watch(shared, gap) == 0);
  expect(shared, gap, IN_IGNORED, NULL);
  CHECK(pthread_create(&thread, NULL, reader, NULL) == 0);
  wait_for_event(up[0]);
  const pid_t child = fork();
  if (child == 0) {
    wait_for_event(go[0]);
    CHECK(close(open("below/made", O_WRONLY | O_CREAT, 0600)) == 0);
    expect(shared, first, IN_CREATE, "made");
    _exit(0);
  }
  ready_and_wait();

  CHECK(read(shared, &status, 1) == -1 && errno == EAGAIN);
  signal_event(go[1]);
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(write(file, "x", 1) == 1);
  expect(shared, third, IN_MODIFY, NULL);
  CHECK(unlink("below/made") == 0);
  expect(shared, first, IN_DELETE, "made");
  CHECK(inotify_add_watch(shared, "below", IN_MASK_ADD | IN_OPEN) == first); /* the same watch */
  const int late = inotify_add_watch(shared, "gone", IN_CREATE);
  CHECK(late > third && write(other, "x", 1) == 1 && pthread_join(thread, NULL) == 0);
  CHECK(read(shared, &status, 1) == -1 && errno == EAGAIN && inotify_rm_watch(shared, third) == 0);
  return pass();
}
