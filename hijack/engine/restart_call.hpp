// System calls that a stop interrupted go on as if nothing had been.
//
// Many calls return EINTR after any signal handler, SA_RESTART or not (signal(7), "Interruption of system calls"). The handler rewinds such a
// call: it puts the call's number back into RAX and the instruction pointer onto the syscall instruction. Relative timeouts are shortened by the time
// already slept; the program's own structures are not touched, the register is pointed to a slot of ours.
// World: hijack, signal handler of the interrupted thread.
#pragma once
#include <time.h>
#include <ucontext.h>

#include <cstdint>

namespace stasis::hijack {

// What is known of a blocked thread before it is signalled.
struct CallNote {
  std::int64_t number = -1;    // system call, -1 unknown or none
  std::uint64_t stack = 0;     // its registers in the call
  std::uint64_t instruction = 0;
  std::uint64_t slept_ns = 0;  // how long it had been asleep
};

// Reads /proc/self/task/TID/syscall and, for calls with a relative timeout, how long the thread sleeps. `now_ns` is the caller's own
// exec_start, see exec_start_ns.
CallNote observe_call(std::int32_t tid, std::uint64_t now_ns) noexcept;
// se.exec_start of a thread: the scheduler's time when it last began or ended to run; 0 if the kernel does not tell.
std::uint64_t exec_start_ns(std::int32_t tid) noexcept;

// Rewinds the interrupted call of `context`, if one was interrupted. Without a note that fits the call's number is read from the
// instructions before it. `slot` lives as long as the call may sleep. Returns the number of the call, -1 if nothing was rewound.
std::int64_t rewind_call(ucontext_t* context, const CallNote& note, timespec* slot) noexcept;

}  // namespace stasis::hijack
