// System calls that a stop interrupted go on as if nothing had been.
//
// Many calls return EINTR after any signal handler, SA_RESTART or not (signal(7), "Interruption of system calls"). The handler rewinds such a
// call: it puts the call's number back into RAX and the instruction pointer onto the syscall instruction. Relative timeouts are shortened by the time
// already slept; the program's own structures are not touched, the register is pointed to a slot of ours. A call that returned when it had done a part of what it was to do
// does the rest (rest_of_call.hpp).
// World: hijack, signal handler of the interrupted thread.
#pragma once
#include <time.h>
#include <ucontext.h>

#include <cstdint>

#include "core/image/system_v.hpp"

namespace stasis::hijack {

// What is known of a blocked thread before it is signalled.
struct CallNote {
  std::int64_t number = -1;    // system call, -1 unknown or none
  std::uint64_t stack = 0;     // its registers in the call
  std::uint64_t instruction = 0;
  std::uint64_t slept_ns = 0;  // how long it had been asleep
};

// Tells how long other threads have been asleep, from se.exec_start of /proc/self/task/TID/sched: the scheduler's time when they last ran.
// Each processor has such a time of its own (the time stolen by a hypervisor is not in it), so the caller visits the sleeper's
// processor once to read it there; the caller's binding is put back at the end.
class SleepClock {
 public:
  static constexpr unsigned kProcessors = 1024;
  // `offsets` has room for kProcessors numbers.
  explicit SleepClock(std::int64_t* offsets) noexcept : offset_(offsets) {}
  SleepClock(const SleepClock&) = delete;
  ~SleepClock();
  // 0 if it cannot be found out.
  std::uint64_t slept_ns(std::int32_t tid) noexcept;

 private:
  bool visit(unsigned processor) noexcept;
  std::int64_t* offset_;                     // that processor's scheduler time minus CLOCK_MONOTONIC
  std::uint64_t known_[kProcessors / 64] = {}, refused_[kProcessors / 64] = {};
  std::uint64_t binding_[kProcessors / 64] = {};
  long binding_bytes_ = 0;
};

// Reads /proc/self/task/TID/syscall and, for calls with a relative timeout and if `clock` is given, how long the thread sleeps.
CallNote observe_call(std::int32_t tid, SleepClock* clock) noexcept;

// Rewinds the interrupted call of `context`, if one was interrupted, or has it do the rest. Without a note that fits the call's number is read from the
// instructions before it. `slot` lives as long as the call may sleep. Returns the number of the call, -1 if nothing was rewound.
std::int64_t rewind_call(ucontext_t* context, const CallNote& note, timespec* slot) noexcept;
// Whom a context that is about to wait for somebody waits for (wait4(2), waitid(2)): the kernel's id, below 0 that of a group; 0 for anybody, or if it is not.
std::int32_t awaited_id(const ucontext_t& context) noexcept;
// The System V object that a context is about to wait for (semop(2), semtimedop(2), msgsnd(2), msgrcv(2)), by the kernel's number; below 0 if it is not.
struct SystemVObject {
  image::SystemVKind kind = image::SystemVKind::semaphores;
  std::int32_t number = -1;
};
SystemVObject object_of(const ucontext_t& context) noexcept;
// It is to wait for the one that has the kernel's number `number` now.
void use_object(ucontext_t& context, std::int32_t number) noexcept;
// It is to wait for him who has the kernel's id `id` now.
void await_id(ucontext_t& context, std::int32_t id) noexcept;
// The absolute time that a context is about to wait for (futex(2), clock_nanosleep(2)): where the register with its address is, null if it is not; and by which clock.
struct AwaitedTime {
  greg_t* place = nullptr;
  clockid_t clock = CLOCK_REALTIME;
};
AwaitedTime awaited_time(ucontext_t& context) noexcept;
// Whether an operation of futex(2) takes an absolute time by CLOCK_MONOTONIC.
bool futex_waits_until(std::int64_t operation) noexcept;
// The kernel's id that a call which has just returned gives, of a child that was born or waited for (fork(2), wait4(2), waitid(2)...) or the caller's own; 0 if it gives none.
std::int32_t given_id(ucontext_t& context) noexcept;
// It is to give the kernel's id `id`.
void give_id(ucontext_t& context, std::int32_t id) noexcept;
// The same thread goes on after `stood_ns`: the timeout of its rewound call `number` ran on meanwhile. Not after a restart.
void let_time_pass(ucontext_t* context, std::int64_t number, std::uint64_t stood_ns, timespec* slot) noexcept;

}  // namespace stasis::hijack
