// System calls of the restorer, and only those it uses. They return what the kernel returns: a negative errno on failure.
//
// World: restorer.
#pragma once
#include <cstdint>

namespace stasis::restart::kernel {

// arch/x86/entry/syscalls/syscall_64.tbl
inline constexpr long kWrite = 1, kOpen = 2, kClose = 3, kMmap = 9, kMprotect = 10, kMunmap = 11, kPread = 17, kExit = 60, kWait4 = 61, kMremap = 25,
                      kMadvise = 28, kMlock = 149, kPrctl = 157, kArchPrctl = 158, kExitGroup = 231, kPrlimit = 302;
inline constexpr long kSetFs = 0x1002;  // ARCH_SET_FS, asm/prctl.h
inline constexpr long kCloneVm = 0x100, kCloneFs = 0x200, kCloneFiles = 0x400;  // linux/sched.h
inline constexpr long kWaitAll = 0x40000000;  // __WALL, linux/wait.h
inline constexpr long kEintr = 4, kEexist = 17;

inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) noexcept {
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}

}  // namespace stasis::restart::kernel
