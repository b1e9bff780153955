/* Memory with bytes that may only be written, only be executed, or not be touched at all, and mappings of /dev/zero, private and shared. */
#include <setjmp.h>
#include <sys/mman.h>

#include "stasis_test.h"

enum { kPage = 4096 };
static sigjmp_buf back;
static void on_fault(int signal) { siglongjmp(back, signal); }

static int reads(volatile char *at) {
  if (sigsetjmp(back, 1) != 0) return 0;
  (void)*at;
  return 1;
}
static int writes(volatile char *at) {
  if (sigsetjmp(back, 1) != 0) return 0;
  *at = 0x66;
  return 1;
}

int main(void) {
  static const unsigned char code[] = {0x8d, 0x47, 0x2a, 0xc3}; /* lea 42(%rdi), %eax; ret */
  static const int kProtections[] = {PROT_NONE, PROT_WRITE, PROT_EXEC, PROT_READ | PROT_WRITE | PROT_EXEC};
  char *areas[4];
  int status;
  CHECK(signal(SIGSEGV, on_fault) != SIG_ERR);
  for (int i = 0; i < 4; i++) {
    areas[i] = mmap(NULL, 2 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(areas[i] != MAP_FAILED);
    fill(areas[i], 2 * kPage, (unsigned)i);
    memcpy(areas[i], code, sizeof code);
    CHECK(mprotect(areas[i], kPage, kProtections[i]) == 0);
  }
  const int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
  char *private_zero = mmap(NULL, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0), *shared_zero = mmap(NULL, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
  CHECK(zero >= 0 && private_zero != MAP_FAILED && shared_zero != MAP_FAILED && close(zero) == 0);
  fill(private_zero, kPage, 7);
  fill(shared_zero, kPage, 8);
  const int can_read[] = {reads(areas[1]), reads(areas[2])}; /* few processors can forbid reading alone */

  ready_and_wait();

  CHECK(!reads(areas[0]) && !writes(areas[0]) && writes(areas[1] + 100) && !writes(areas[2]));
  CHECK(reads(areas[1]) == can_read[0] && reads(areas[2]) == can_read[1]);
  CHECK(((int (*)(int))(void *)areas[2])(1) == 43 && ((int (*)(int))(void *)areas[3])(2) == 44);
  for (int i = 0; i < 4; i++) {
    char wanted[2 * kPage];
    fill(wanted, sizeof wanted, (unsigned)i);
    memcpy(wanted, code, sizeof code);
    if (i == 1) wanted[100] = 0x66;
    CHECK(mprotect(areas[i], kPage, PROT_READ) == 0 && memcmp(areas[i], wanted, sizeof wanted) == 0);
  }
  CHECK(is_filled(private_zero, kPage, 7) && is_filled(shared_zero, kPage, 8));
  const pid_t child = fork();
  if (child == 0) {
    private_zero[0] = shared_zero[0] = 'c';
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0 && shared_zero[0] == 'c' && private_zero[0] != 'c');
  return pass();
}
