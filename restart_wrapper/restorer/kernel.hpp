// Numbers of the system calls of the restorer, and only those it uses; the calls themselves are core/sys/syscall.hpp's.
//
// World: restorer.
#pragma once
#include <cstdint>

#include "core/sys/syscall.hpp"

namespace stasis::restart::kernel {

// arch/x86/entry/syscalls/syscall_64.tbl
inline constexpr long kWrite = 1, kOpen = 2, kClose = 3, kMmap = 9, kMprotect = 10, kMunmap = 11, kPread = 17, kShmat = 30, kExit = 60, kWait4 = 61, kFcntl = 72, kMremap = 25,
                      kMadvise = 28, kPrctl = 157, kArchPrctl = 158, kExitGroup = 231, kPrlimit = 302,
                      kMlock2 = 325, kMseal = 462;
inline constexpr long kSetFs = 0x1002;  // ARCH_SET_FS, asm/prctl.h
inline constexpr long kCloneVm = 0x100, kCloneFs = 0x200, kCloneFiles = 0x400;  // linux/sched.h
inline constexpr long kSetLock = 6;  // F_SETLK, asm-generic/fcntl.h
inline constexpr long kWaitAll = 0x40000000;  // __WALL, linux/wait.h
inline constexpr long kEintr = 4, kEexist = 17;

using sys::call;

}  // namespace stasis::restart::kernel
