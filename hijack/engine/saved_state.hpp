// What a restored process needs to become whole again and cannot read from the kernel then: kept in the process's own memory, which is
// part of the image.
//
// Two areas. *Kept* memory holds what a checkpoint finds out (threads, pending signals); it is mapped anew for each checkpoint, saved with
// the program's memory, and stays until the checkpoint after the next, for sleeping threads may use their slots in it. *Scratch*
// memory (the leader's stack, an arena) lives for one checkpoint and is not saved.
// World: hijack.
#pragma once
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>

#include <atomic>
#include <cstdint>

#include "core/base/result.hpp"
#include "core/image/handoff.hpp"
#include "hijack/engine/area_state.hpp"
#include "hijack/engine/process_attributes.hpp"
#include "hijack/engine/processor_time.hpp"
#include "hijack/engine/restart_call.hpp"
#include "hijack/engine/thread_attributes.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

// sched_setattr(2), the first version of the structure.
struct Scheduling {
  std::uint32_t size = 0;
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0, deadline = 0, period = 0;
};

enum class ThreadPhase : std::uint32_t {
  signalled = 0,
  parked = 1,
  again = 2,  // was inside the vdso, whose code another kernel does not have: has gone on and is to be signalled again
  gone = 3,   // ended before it was stopped
};

enum class StopBy : std::uint32_t {
  stop_signal = 0,
  both = 1,           // it was found to block the first only after that was sent
  second_signal = 2,
};

struct ThreadState {
  std::atomic<ThreadPhase> phase;
  std::int32_t tid;              // the kernel's
  std::int32_t id;               // as the program knows it
  std::int32_t awaited;          // likewise, whom its call waits for, a group below 0; 0 if nobody by an id
  std::int32_t object_number;    // likewise, which System V object its call works on; -1 if on none
  std::int32_t given;            // likewise, whom a call has told of that had just returned; 0 if there is none
  std::uint32_t seen;            // number of the scan that saw it last
  bool has_rseq;
  ucontext_t* context;           // its registers, on its own stack
  CallNote note;
  timespec slot;                 // timeout of its rewound system call
  greg_t before[NGREG];          // its registers when it was stopped, before the call was rewound
  bool was_asleep;               // in the call that they are at, if they are at one
  std::uint64_t fs_base, gs_base;
  std::uint64_t tid_address;     // set_tid_address(2)
  std::uint64_t robust_head, robust_length;
  std::uint64_t timer_slack;
  std::int32_t parent_death_signal;
  std::uint64_t pending;         // signals pending for the thread or the process
  Scheduling scheduling;
  std::uint64_t affinity[16];    // 1024 processors
  std::uint32_t affinity_bytes;
  char name[16];
  ThreadAttributes attributes;
  Usage usage;
  StopBy stop;
};

struct PendingSignal {
  std::int32_t tid;              // the kernel's; 0: of the whole process
  std::int32_t id;               // as the program knows it
  std::int32_t sender;           // likewise, where the signal tells one, else 0
  siginfo_t info;
};

struct SavedTimer {
  std::int32_t id;
  std::int32_t clock;
  struct sigevent event;
  struct itimerspec value;
};

struct KernelAction {            // struct kernel_sigaction of x86-64
  void* handler;
  std::uint64_t flags;
  void* restorer;
  std::uint64_t mask;
};

inline constexpr std::uint32_t kMaximumThreads = 65536;
inline constexpr std::uint32_t kMaximumPending = 131072;
inline constexpr std::uint32_t kMaximumTimers = 4096;

struct Kept {
  std::uint32_t thread_count;
  std::uint32_t pending_count;
  std::uint32_t timer_count;
  std::int64_t processor_offsets[SleepClock::kProcessors];
  PendingSignal pending[kMaximumPending];
  SavedTimer timers[kMaximumTimers];
  AreaState areas;
  ThreadState threads[kMaximumThreads];
};

struct SavedState {
  Kept* kept;
  Kept* kept_before;
  KernelAction actions[65];
  std::uint64_t blocked_at_end;      // signals that the main thread blocked, if it has ended
  itimerval interval_timers[3];
  std::uint32_t capabilities[6];     // effective, permitted, inheritable of both halves, as capget(2) gives them
  std::uint64_t xcomp_permitted;     // ARCH_GET_XCOMP_PERM
  std::int32_t membarrier;           // MEMBARRIER_CMD_GET_REGISTRATIONS
  ProcessAttributes attributes;
  ProcessUsage usage;
  rlimit processes;                  // RLIMIT_NPROC
  rlim_t descriptors;                // RLIMIT_NOFILE, soft, which is lifted while a checkpoint is made
  char executable[4096];             // the program that runs: after a restart without namespaces the kernel tells another
  void* members;                     // where the member table was
  image::Handoff handoff;            // written by the restorer
};

extern constinit SavedState saved;

// The processors that the program may run on where it was started; threads that had these are not bound again elsewhere.
extern constinit std::uint64_t initial_affinity[16];

// A new Kept; the one before the last goes.
Status renew_kept() noexcept;

// Records and brings back what belongs to the whole process.
Status save_process_state(Arena& arena) noexcept;
// Takes the pending signals that only the calling thread can take, notes them, and puts them back.
void save_own_pending(std::int32_t tid) noexcept;

}  // namespace stasis::hijack
