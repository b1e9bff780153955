// The member table: which processes of this node belong to the computation and may be sent the stop signal.
//
// A process must never be sent the stop signal before its handler is installed or after an exec has removed it, for the signal's
// default is death. And a fork must cost nothing. So membership is one word of shared memory: the file
// $STASIS_RUN/members holds one slot per possible process id (PID_MAX_LIMIT of the kernel, 4 Mi slots, sparse); every process of the
// computation maps it and writes its own slot: the library's start-up and the child side of fork write `running`, the exec
// wrapper writes `exec` before the old program is gone. Nobody erases slots: the node coordinator drops a slot whose time is older than
// the process that now has the id (field 22 of /proc/PID/stat, in ticks of 10 ms, rounded down).
// Slot 0, which is no process's, says whether the computation has an id table beside it (id_table.hpp).
// Behind the slots is how far the program's clocks are ahead of the machine's, where a restart could not set those, and the table of System V objects (system_v_table.hpp).
// Whoever maps the file has a shared flock(2) on it, which lives as long as the mapping: by that others know that the run directory is in use.
// Writers: any thread of any member, also in a vfork child, without a lock. Reader: the node coordinator.
// World: all.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/registry/system_v_table.hpp"

namespace stasis {

enum class MemberState : std::uint8_t {
  none = 0,
  running = 1,  // handler installed, may be signalled
  exec = 2,     // stop signal blocked, an exec is on its way: may be signalled, the new program finds the signal pending
  dormant = 3,  // has loaded the library but takes no part (srun, ssh, scontrol...); it and its image are ignored
  emulated = 4, // runs inside valgrind(1), whose state is none of ours: prevents every checkpoint
};

inline constexpr std::size_t kMemberSlots = 4u << 20;  // PID_MAX_LIMIT, include/linux/threads.h

// What is to be added to the kernel's clocks that count from a machine's start, in nanoseconds: to CLOCK_MONOTONIC, _RAW and _COARSE, and to CLOCK_BOOTTIME.
struct ClockOffsets {
  std::int64_t monotonic_ns = 0, boottime_ns = 0;
};
inline constexpr std::size_t kMemberTableBytes = kMemberSlots * sizeof(std::uint64_t) + sizeof(ClockOffsets) + kSystemVTableBytes;

// A slot: state in the upper 8 bits, CLOCK_BOOTTIME in microseconds when it was written in the lower 56.
class MemberTable {
 public:
  MemberTable() noexcept = default;
  // `base` is a shared mapping of kMemberTableBytes.
  explicit MemberTable(void* base) noexcept : slots_(static_cast<std::uint64_t*>(base)) {}
  bool is_mapped() const noexcept { return slots_ != nullptr; }

  void write(std::int32_t pid, MemberState state, std::uint64_t boottime_us) const noexcept {
    if (slots_ == nullptr || pid <= 0 || static_cast<std::size_t>(pid) >= kMemberSlots) return;
    std::atomic_ref<std::uint64_t>(slots_[pid]).store(static_cast<std::uint64_t>(state) << 56 | (boottime_us & kTimeMask),
                                                      std::memory_order_release);
  }
  // The state of `pid`'s slot if it was written by a process that started no earlier than `started_us` after boot.
  MemberState read(std::int32_t pid, std::uint64_t started_us) const noexcept {
    if (slots_ == nullptr || pid <= 0 || static_cast<std::size_t>(pid) >= kMemberSlots) return MemberState::none;
    const std::uint64_t slot = std::atomic_ref<std::uint64_t>(slots_[pid]).load(std::memory_order_acquire);
    if ((slot & kTimeMask) < started_us) return MemberState::none;
    return static_cast<MemberState>(slot >> 56);
  }

  // Whether programs know the computation's tasks by other ids than the kernel does. Set before any of its processes exists.
  bool ids_are_virtual() const noexcept { return has(kIdsAreVirtual); }
  void make_ids_virtual() const noexcept { set(kIdsAreVirtual); }
  SystemVTable system_v() const noexcept { return slots_ == nullptr ? SystemVTable() : SystemVTable(reinterpret_cast<ClockOffsets*>(slots_ + kMemberSlots) + 1); }
  // Set before any of the computation's processes exists.
  void set_clock_offsets(const ClockOffsets& offsets) const noexcept {
    if (slots_ != nullptr) *reinterpret_cast<ClockOffsets*>(slots_ + kMemberSlots) = offsets;
  }
  ClockOffsets clock_offsets() const noexcept {
    return slots_ != nullptr ? *reinterpret_cast<const ClockOffsets*>(slots_ + kMemberSlots) : ClockOffsets{};
  }

 private:
  static constexpr std::uint64_t kIdsAreVirtual = 1;
  bool has(std::uint64_t flag) const noexcept { return slots_ != nullptr && (std::atomic_ref<std::uint64_t>(slots_[0]).load(std::memory_order_acquire) & flag) != 0; }
  void set(std::uint64_t flag) const noexcept {
    if (slots_ != nullptr) std::atomic_ref<std::uint64_t>(slots_[0]).fetch_or(flag, std::memory_order_acq_rel);
  }
  static constexpr std::uint64_t kTimeMask = (std::uint64_t{1} << 56) - 1;
  std::uint64_t* slots_ = nullptr;
};

}  // namespace stasis
