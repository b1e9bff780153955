// Stopping threads, see quiesce.hpp.
//
// Threads may start others until they are stopped. So the list of threads is read until two readings in a row show only threads that had
// parked before the reading began.
// World: hijack, leader.
#include "hijack/engine/quiesce.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>

#include "core/environment.hpp"
#include "hijack/engine/aside.hpp"
#include "hijack/engine/main_thread.hpp"
#include "hijack/engine/ring_notes.hpp"
#include "hijack/engine/saved_state.hpp"
#include "hijack/engine/stop_signal.hpp"
#include "hijack/rt/fault.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"

namespace stasis::hijack {
namespace {

constexpr std::uint64_t kRescanNs = 20'000'000;  // a thread that ended instead of parking is noticed after this

// A thread of the C library's own, or one that has asked the kernel itself.
bool blocks_stop_signal(std::int32_t tid) noexcept {
  FixedString<64> path("/proc/self/task/");
  path.append_signed(tid).append("/status");
  char buffer[4096];
  Text blocked(field_of(read_small(path.c_str(), buffer, sizeof buffer), "SigBlk:"));
  return (blocked.number(16) >> (kStopSignal - 1) & 1) != 0;
}

// Field 9 of /proc/PID/task/TID/stat (proc(5)): the flags of linux/sched.h, of which PF_IO_WORKER says that the kernel made it and no signal stops it.
bool is_kernels(std::int32_t tid) noexcept {
  constexpr std::uint64_t kIoWorker = 0x10;
  FixedString<64> path("/proc/self/task/");
  path.append_signed(tid).append("/stat");
  char buffer[1024];
  const std::string_view file = read_small(path.c_str(), buffer, sizeof buffer);
  Text text(from(file, file.rfind(')') + 1));
  for (int field = 3; field != 9; ++field) text.word();
  return (text.number() & kIoWorker) != 0;
}

class Round {
 public:
  Round() noexcept : self_(static_cast<std::int32_t>(sys::call(SYS_gettid))), leader_(stop.leader.load()), main_(static_cast<std::int32_t>(sys::call(SYS_getpid))) {}

  Status run(std::uint64_t deadline_ns) noexcept {
    for (unsigned stable = 0; stable != 2;) {
      const std::uint32_t arrived = stop.arrived.load();
      STASIS_TRY(scan());
      if (news_ == 0 && waiting_ == 0) {
        ++stable;
        continue;
      }
      stable = 0;
      if (clock_ns(CLOCK_MONOTONIC) >= deadline_ns) return who_does_not_stop();
      wait_for_arrival(arrived);
    }
    return {};
  }

 private:
  Status scan() noexcept {
    ++number_, news_ = 0, waiting_ = 0;
    const OwnedFd directory = open_file("/proc/self/task", O_RDONLY | O_DIRECTORY);
    if (!directory.ok()) return system_error("open /proc/self/task", directory.get());
    STASIS_TRY(for_each_entry(directory.get(), [&](std::string_view name) -> Status {
      const auto tid = static_cast<std::int32_t>(Text(name).number());
      if (tid == self_ || tid == leader_ || (tid == main_ && main_thread_has_ended())) return {};
      if (has_rings() && is_kernels(tid)) return {};  // what it works at is waited for (rings.hpp)
      return visit(tid);
    }));
    for (std::uint32_t i = 1; i != saved.kept->thread_count; ++i) {
      ThreadState& state = saved.kept->threads[i];
      if (state.seen != number_ && state.phase.load() != ThreadPhase::parked) state.phase.store(ThreadPhase::gone);
    }
    return {};
  }

  // The list comes in the order of starting, and so did the scan before: the slot is nearly always the next one.
  std::uint32_t find(std::int32_t tid) noexcept {
    const Kept& kept = *saved.kept;
    for (std::uint32_t i = hint_; i < kept.thread_count; ++i)
      if (kept.threads[i].tid == tid && kept.threads[i].phase.load() != ThreadPhase::gone) return hint_ = i + 1, i;
    for (std::uint32_t i = 1; i < hint_ && i < kept.thread_count; ++i)
      if (kept.threads[i].tid == tid && kept.threads[i].phase.load() != ThreadPhase::gone) return hint_ = i + 1, i;
    return 0;
  }

  Status visit(std::int32_t tid) noexcept {
    Kept& kept = *saved.kept;
    std::uint32_t slot = find(tid);
    if (slot == 0) {
      if (kept.thread_count == kMaximumThreads) return error(ErrorCode::unsupported, "more than 65535 threads");
      slot = kept.thread_count++;
      kept.threads[slot].tid = tid;
      kept.threads[slot].seen = number_;
      return signal(slot);
    }
    ThreadState& state = kept.threads[slot];
    state.seen = number_;
    switch (state.phase.load()) {
      case ThreadPhase::again: return signal(slot);
      case ThreadPhase::signalled: ++waiting_; return is_late_ && state.stop == StopBy::stop_signal ? signal_otherwise(state, slot, StopBy::both) : Status();
      default: return {};
    }
  }

  Status signal(std::uint32_t slot) noexcept {
    STASIS_TRY(fault(Fault::quiesce_stop));
    ThreadState& state = saved.kept->threads[slot];
    ++news_;
    state.phase.store(ThreadPhase::signalled);
    state.note = observe_call(state.tid, &clock_);
    // Where the C library's own threads wait; others that block the signal are found when they are late.
    if (state.stop == StopBy::second_signal || state.note.number == SYS_rt_sigtimedwait) STASIS_TRY(signal_otherwise(state, slot, StopBy::second_signal));
    if (state.stop == StopBy::second_signal) return {};
    const long result = signal_thread(state.tid, slot);
    if (result < 0 && result != -ESRCH) return system_error("stop a thread", result);  // ESRCH: it has just ended
    return {};
  }

  // By the second signal, if the thread blocks the first.
  static Status signal_otherwise(ThreadState& state, std::uint32_t slot, StopBy how) noexcept {
    if (!blocks_stop_signal(state.tid)) return {};
    if (is_kernels(state.tid)) return error(ErrorCode::unsupported, FixedString<320>("thread ").append_signed(state.tid).append(", by which the kernel works for an io_uring"));
    if (!borrow_second_signal()) return {};
    state.stop = how;
    const long result = signal_thread_otherwise(state.tid, slot);
    return result < 0 && result != -ESRCH ? Status(system_error("stop a thread", result)) : Status();
  }

  void wait_for_arrival(std::uint32_t arrived) noexcept {
    const timespec longest{0, static_cast<long>(kRescanNs)};
    is_late_ = sys::call(SYS_futex, &stop.arrived, FUTEX_WAIT_PRIVATE, arrived, &longest) == -ETIMEDOUT;
  }

  static Error who_does_not_stop() noexcept {
    for (std::uint32_t i = 1; i != saved.kept->thread_count; ++i) {
      const ThreadState& state = saved.kept->threads[i];
      if (state.phase.load() == ThreadPhase::parked || state.phase.load() == ThreadPhase::gone) continue;
      FixedString<320> detail("thread ");
      detail.append_signed(state.tid);
      if (blocks_stop_signal(state.tid)) return error(ErrorCode::unsupported, detail.append(" blocks signal 62"));
      detail.append(" did not stop in time; it is in system call ");
      detail.append_signed(observe_call(state.tid, nullptr).number);
      return error(ErrorCode::hung, detail);
    }
    return error(ErrorCode::hung, "the program starts threads faster than they can be stopped");
  }

  std::int32_t self_;          // the leader or who does it aside
  std::int32_t leader_;
  std::int32_t main_;          // alone of all threads it stays in the list when it has ended
  SleepClock clock_{saved.kept->processor_offsets};
  std::uint32_t number_ = 0;   // of the scan
  std::uint32_t news_ = 0;     // threads that the scan signalled
  std::uint32_t waiting_ = 0;  // threads that it found signalled and not parked
  std::uint32_t hint_ = 1;
  bool is_late_ = false;       // nobody arrived for a while
};

}  // namespace

Status quiesce(std::uint64_t deadline_ns, void* side_stack_top) noexcept {
  struct Call {
    std::uint64_t deadline_ns;
    Status status;
  } call{deadline_ns, {}};
  call_aside(
      [](void* argument) {
        auto& made = *static_cast<Call*>(argument);
        made.status = Round().run(made.deadline_ns);
      },
      &call, side_stack_top);
  return call.status;
}

}  // namespace stasis::hijack
