/* A program without libc for the test of a whole restart: starts where the restored library would be entered.
 *
 * It does what that does first (unmaps the restorer, reports success, closes the pipe) and then writes down what it sees of itself: one line to
 * descriptor 5. The test puts this program's segments into images and fills in `setup`, which the linker places at a fixed address.
 * World: tests. */
#include <stdint.h>

struct handoff { /* core/image/handoff.hpp */
  uint32_t version;
  int32_t status_fd;
  uint64_t generation, parking_start, parking_length;
  int64_t monotonic_offset_ns;
  uint32_t exact_ids, reserved;
};

struct setup {
  struct handoff handoff;
  uint64_t shared;   /* address of shared memory to which each process adds its pid, 0: none */
  int32_t read_fd;   /* descriptor to read text from, -1: none */
  int32_t waits;     /* whether to wait for all children */
  int32_t status;    /* to exit with */
  int32_t says_started; /* whether to write a line at once, and then let signals through */
  uint64_t clock;    /* address of clock_gettime in the vdso, 0: not to be called */
};

struct setup setup __attribute__((section(".setup"), used)) = {{0}, 1, 1, 1, 1, 1, 1};

static long call(long number, long a, long b, long c, long d) {
  long result;
  register long r10 __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}

static char *number(char *cursor, long value) {
  char digits[24];
  int count = 0;
  do digits[count++] = (char)('0' + value % 10); while ((value /= 10) != 0);
  while (count != 0) *cursor++ = digits[--count];
  *cursor++ = ' ';
  return cursor;
}

static char *text(char *cursor, const char *words) {
  while (*words) *cursor++ = *words++;
  return cursor;
}

__attribute__((used)) static void live(void) {
  static struct { int32_t pid, error; uint32_t code, length; char text[240]; } success; /* a RestoreFailure without one */
  char line[512], *cursor = line;
  int status;
  long pid = call(39, 0, 0, 0, 0);
  if (call(11, (long)setup.handoff.parking_start, (long)setup.handoff.parking_length, 0, 0) != 0) call(231, 125, 0, 0, 0);
  success.pid = (int32_t)pid;
  call(1, setup.handoff.status_fd, (long)&success, sizeof success, 0);
  call(3, setup.handoff.status_fd, 0, 0, 0);

  if (setup.says_started) {
    const uint64_t none = 0;
    call(1, 5, (long)"started\n", 8, 0);
    call(14, 2, (long)&none, 0, sizeof none); /* rt_sigprocmask(SIG_SETMASK) */
  }
  cursor = number(text(cursor, "pid "), pid);
  cursor = number(text(cursor, "parent "), call(110, 0, 0, 0, 0));
  cursor = number(text(cursor, "group "), call(111, 0, 0, 0, 0));
  cursor = number(text(cursor, "session "), call(124, 0, 0, 0, 0));
  if (setup.shared != 0) __atomic_fetch_add((uint64_t *)setup.shared, (uint64_t)pid, __ATOMIC_SEQ_CST);
  if (setup.read_fd >= 0) {
    long got;
    cursor = text(cursor, "read ");
    while ((got = call(0, setup.read_fd, (long)cursor, 100, 0)) > 0) cursor += got;
    *cursor++ = ' ';
  }
  if (setup.waits) {
    long child;
    while ((child = call(61, -1, (long)&status, 0, 0)) > 0) cursor = number(text(number(text(cursor, "waited "), child), "status "), status);
    if (setup.shared != 0) cursor = number(text(cursor, "sum "), (long)*(uint64_t *)setup.shared);
  }
  if (setup.clock != 0) {
    struct { int64_t seconds, nanoseconds; } by_vdso = {0, 0}, by_kernel = {0, 0};
    int (*clock_gettime)(int, void *) = (int (*)(int, void *))setup.clock;
    const int result = clock_gettime(1, &by_vdso);
    call(228, 1, (long)&by_kernel, 0, 0);
    cursor = text(cursor, result == 0 && by_vdso.seconds <= by_kernel.seconds && by_vdso.seconds + 5 > by_kernel.seconds ? "clock right " : "clock wrong ");
  }
  cursor = text(cursor, "\n");
  call(1, 5, (long)line, cursor - line, 0);
  call(231, setup.status, 0, 0, 0);
}

__attribute__((naked, used)) void _start(void) { __asm__("xor %ebp, %ebp; and $-16, %rsp; call live; hlt"); }
