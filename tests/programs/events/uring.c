/* io_urings by system calls: results that nobody has read, requests that nobody has submitted, rings that have gone round, flags, threads that own one or wait in one, what is registered. */
#include <linux/io_uring.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "stasis_test.h"

enum { kRounds = 1000, kUnread = 5, kUnsubmitted = 3 };
/* Not in every header. */
enum { kNoMmap = 1 << 14, kNoArray = 1 << 16 };

struct ring {
  int fd;
  struct io_uring_params made;
  char *rings, *results;
  struct io_uring_sqe *entries;
  unsigned next; /* of what is prepared */
};

static uint32_t *word(struct ring *ring, unsigned offset) { return (uint32_t *)(ring->rings + offset); }
static void *memory(struct ring *ring, size_t size, uint64_t offset, int protection) {
  void *place = mmap(NULL, size, protection, MAP_SHARED | MAP_POPULATE, ring->fd, offset);
  CHECK(place != MAP_FAILED);
  return place;
}
static void set_up(struct ring *ring, unsigned entries, unsigned flags) {
  memset(ring, 0, sizeof *ring);
  ring->made.flags = flags, ring->made.cq_entries = 4 * entries;
  if (flags & kNoMmap) {
    void *place;
    CHECK(posix_memalign(&place, 4096, 2 * 4096) == 0);
    memset(place, 0, 2 * 4096);
    memcpy((char *)&ring->made.cq_off + sizeof ring->made.cq_off - 8, &place, 8);
    ring->rings = ring->results = place, place = ring->rings + 4096, ring->entries = place;
    memcpy((char *)&ring->made.sq_off + sizeof ring->made.sq_off - 8, &place, 8);
  }
  ring->fd = syscall(SYS_io_uring_setup, entries, &ring->made);
  CHECK(ring->fd >= 0);
  if (flags & kNoMmap) return;
  const size_t size = ring->made.cq_off.cqes + ring->made.cq_entries * (flags & IORING_SETUP_CQE32 ? 32 : 16);
  const size_t array = flags & kNoArray ? 0 : ring->made.sq_off.array + ring->made.sq_entries * 4;
  ring->rings = memory(ring, size > array ? size : array, IORING_OFF_SQ_RING, PROT_READ | PROT_WRITE);
  ring->results = memory(ring, size, IORING_OFF_CQ_RING, PROT_READ);
  ring->entries = memory(ring, ring->made.sq_entries * (flags & IORING_SETUP_SQE128 ? 128 : 64), IORING_OFF_SQES, PROT_READ | PROT_WRITE);
}
static struct io_uring_sqe *prepare(struct ring *ring, int operation, int fd, const void *place, unsigned size, uint64_t offset, uint64_t name) {
  const unsigned slot = ring->next & (ring->made.sq_entries - 1), large = (ring->made.flags & IORING_SETUP_SQE128) != 0;
  struct io_uring_sqe *request = ring->entries + (slot << large);
  memset(request, 0, sizeof *request << large);
  request->opcode = operation, request->fd = fd, request->addr = (uintptr_t)place, request->len = size, request->off = offset, request->user_data = name;
  if ((ring->made.flags & kNoArray) == 0) word(ring, ring->made.sq_off.array)[slot] = slot;
  ring->next++;
  __atomic_store_n(word(ring, ring->made.sq_off.tail), ring->next, __ATOMIC_RELEASE);
  return request;
}
static void enter(struct ring *ring, unsigned count, unsigned least) {
  CHECK(syscall(SYS_io_uring_enter, ring->fd, count, least, least ? IORING_ENTER_GETEVENTS : 0, NULL, 0) == (long)count);
}
static void expect(struct ring *ring, uint64_t name, int result) {
  uint32_t *head = word(ring, ring->made.cq_off.head), *tail = word(ring, ring->made.cq_off.tail);
  while (__atomic_load_n(tail, __ATOMIC_ACQUIRE) == *head) enter(ring, 0, 1);
  const unsigned large = (ring->made.flags & IORING_SETUP_CQE32) != 0;
  const struct io_uring_cqe *told = (struct io_uring_cqe *)(ring->results + ring->made.cq_off.cqes) + ((*head & (ring->made.cq_entries - 1)) << large);
  CHECK(told->user_data == name && told->res == result);
  __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
}
static void expect_none(struct ring *ring) { CHECK(*word(ring, ring->made.cq_off.head) == *word(ring, ring->made.cq_off.tail)); }

static int file;
static char bytes[64];
/* What every ring has at the checkpoint, and is to have afterwards. */
static void use(struct ring *ring, uint64_t name) {
  for (int i = 0; i < kRounds; i++) prepare(ring, IORING_OP_WRITE, file, "x", 1, i % 50, name + i), enter(ring, 1, 1), expect(ring, name + i, 1);
  for (int i = 0; i < kUnread; i++) prepare(ring, IORING_OP_READ, file, bytes, i + 1, 0, name + i), enter(ring, 1, 1);
  for (int i = 0; i < kUnsubmitted; i++) prepare(ring, IORING_OP_READ, file, bytes, i + 10, 0, name + 100 + i);
}
static void verify(struct ring *ring, uint64_t name) {
  for (int i = 0; i < kUnread; i++) expect(ring, name + i, i + 1);
  expect_none(ring);
  enter(ring, kUnsubmitted, kUnsubmitted);
  for (int i = 0; i < kUnsubmitted; i++) expect(ring, name + 100 + i, i + 10);
  for (int i = 0; i < kRounds; i++) prepare(ring, IORING_OP_READ, file, bytes, 7, 0, name + i), enter(ring, 1, 1), expect(ring, name + i, 7);
  expect_none(ring);
}

static struct ring owned, waited_for;
static int up[2], down[2];
static void *owner(void *nothing) {
  set_up(&owned, 8, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE);
  use(&owned, 5000);
  signal_event(up[1]);
  wait_for_event(down[0]);
  verify(&owned, 5000);
  return nothing;
}
static void *waiting(void *nothing) {
  const pid_t self = gettid();
  CHECK(write(up[1], &self, sizeof self) == sizeof self);
  expect(&waited_for, 77, 0);
  return nothing;
}

int main(void) {
  static const unsigned flags[] = {0, IORING_SETUP_CQSIZE, IORING_SETUP_CQSIZE | IORING_SETUP_SQE128 | IORING_SETUP_CQE32, IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
                                   IORING_SETUP_CQSIZE | kNoMmap | kNoArray};
  enum { kRings = sizeof flags / sizeof *flags };
  static struct ring rings[kRings], disabled;
  pthread_t threads[2];
  pid_t tid;
  uint64_t told;
  char fixed[2][4096] __attribute__((aligned(4096)));
  const struct iovec buffers[2] = {{fixed[0], 4096}, {fixed[1], 4096}};
  file = open("file", O_RDWR | O_CREAT | O_EXCL, 0600);
  const int event = eventfd(0, EFD_NONBLOCK);
  const int files[3] = {-1, file, -1};
  CHECK(file >= 0 && event >= 0 && pipe(up) == 0 && pipe(down) == 0);
  fill(fixed[0], sizeof fixed[0], 9);
  CHECK(pwrite(file, fixed[0], 4096, 0) == 4096);
  for (int i = 0; i < kRings; i++) set_up(&rings[i], 8, flags[i]), use(&rings[i], 100000 * i);
  set_up(&disabled, 4, IORING_SETUP_R_DISABLED), set_up(&waited_for, 4, 0);
  CHECK(pthread_create(&threads[0], NULL, owner, NULL) == 0);
  wait_for_event(up[0]);
  CHECK(pthread_create(&threads[1], NULL, waiting, NULL) == 0 && read(up[0], &tid, sizeof tid) == sizeof tid);
  until_blocked_in(tid, SYS_io_uring_enter);
  CHECK(syscall(SYS_io_uring_register, rings[0].fd, IORING_REGISTER_FILES, files, 3) == 0);
  CHECK(syscall(SYS_io_uring_register, rings[0].fd, IORING_REGISTER_BUFFERS, buffers, 2) == 0);
  CHECK(syscall(SYS_io_uring_register, rings[1].fd, IORING_REGISTER_EVENTFD, &event, 1) == 0);
  const int second = fcntl(rings[1].fd, F_DUPFD, 100);
  CHECK(second >= 100 && fcntl(rings[0].fd, F_GETFD) == FD_CLOEXEC);
  ready_and_wait();

  CHECK(fcntl(second, F_GETFD) == 0 && fcntl(rings[0].fd, F_GETFD) == FD_CLOEXEC);
  signal_event(down[1]);
  for (int i = 0; i < kRings; i++) verify(&rings[i], 100000 * i);
  CHECK(read(event, &told, sizeof told) == sizeof told && told >= kRounds);
  prepare(&rings[0], IORING_OP_WRITE_FIXED, 1, fixed[1], 100, 0, 1)->flags = IOSQE_FIXED_FILE, rings[0].entries[(rings[0].next - 1) % 8].buf_index = 1;
  fill(fixed[1], sizeof fixed[1], 11);
  enter(&rings[0], 1, 1), expect(&rings[0], 1, 100);
  CHECK(pread(file, bytes, sizeof bytes, 0) == sizeof bytes && memcmp(bytes, fixed[1], sizeof bytes) == 0);
  prepare(&disabled, IORING_OP_NOP, -1, NULL, 0, 0, 5);
  CHECK(syscall(SYS_io_uring_enter, disabled.fd, 1, 0, 0, NULL, 0) == -1 && errno == EBADFD);
  CHECK(syscall(SYS_io_uring_register, disabled.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) == 0);
  enter(&disabled, 1, 1), expect(&disabled, 5, 0);
  prepare(&waited_for, IORING_OP_NOP, -1, NULL, 0, 0, 77), enter(&waited_for, 1, 0);
  for (int i = 0; i < 2; i++) CHECK(pthread_join(threads[i], NULL) == 0);
  return pass();
}
