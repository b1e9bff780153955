// Clocks that count from a machine's start, where a restart could not set them: the program's are the kernel's and a difference.
//
// With a time namespace the kernel itself goes on counting from the checkpoint (restart_wrapper/clocks.hpp). Without one the restart leaves the difference in the member
// table, and these stand between: what reads such a clock adds it, and what gives the kernel an absolute time by one takes it away. Relative times need nothing. The C
// library's own reckoning is by the kernel's clocks throughout.
// A thread that waits for an absolute time has given the kernel a copy of ours, which a restart finds and sets anew: the C library may look at it again and again
// before it returns. What waits in a system call without such a copy is given the time in its slot.
// World: hijack, any thread, also in signal handlers and between vfork and exec; no errno.
#pragma once
#include <time.h>
#include <ucontext.h>

#include <atomic>
#include <cstdint>

#include "core/registry/member_table.hpp"

// For raw_call.S: whether syscall(2) goes through raw_calls.cpp.
extern "C" [[gnu::visibility("hidden")]] constinit bool stasis_calls_are_translated;

namespace stasis::hijack {

namespace machine_clocks_detail {
extern constinit std::atomic<std::int64_t> monotonic_ahead, boottime_ahead;
inline constexpr unsigned kMonotonic = 1u << CLOCK_MONOTONIC | 1u << CLOCK_MONOTONIC_RAW | 1u << CLOCK_MONOTONIC_COARSE;
inline constexpr unsigned kBoottime = 1u << CLOCK_BOOTTIME | 1u << CLOCK_BOOTTIME_ALARM;
inline bool is_among(clockid_t clock, unsigned clocks) noexcept { return static_cast<unsigned>(clock) < 32 && (clocks >> clock & 1) != 0; }
}  // namespace machine_clocks_detail

inline bool counts_from_start(clockid_t clock) noexcept {
  using namespace machine_clocks_detail;
  return is_among(clock, kMonotonic | kBoottime);
}

// How far the program's clock is ahead of the kernel's, in nanoseconds; may be below 0.
inline std::int64_t offset_of(clockid_t clock) noexcept {
  using namespace machine_clocks_detail;
  if (is_among(clock, kMonotonic)) return monotonic_ahead.load();
  return is_among(clock, kBoottime) ? boottime_ahead.load() : 0;
}

// What the member table says: at the start of a program, and after a restart before there are threads.
void take_clock_offsets(const ClockOffsets& offsets) noexcept;
// The offsets have changed by a restart: the calling thread's copies hold the kernel's times now. To be called before it goes on to its saved registers, which are to wait, if they
// do and for such a time, for the one in `slot`.
void shift_deadlines(ucontext_t& context, timespec& slot) noexcept;

// A time that the program gives, by the kernel's clock, in memory of the caller's that a restart sets anew.
class Deadline {
 public:
  Deadline(clockid_t clock, const timespec* programs) noexcept;
  Deadline(const Deadline&) = delete;
  ~Deadline();
  // Null if there was none. A clock that is the same everywhere has the program's own.
  const timespec* kernels() const noexcept { return given_; }

  struct Copy {
    std::uint64_t mark;  // by which it is known where a thread was cancelled, or jumped away (longjmp(3)), and it was not taken back
    Copy* before;
    clockid_t clock;
    timespec programs, kernels;
  };

 private:
  Copy copy_;
  const timespec* given_;
};

// The clock of a timer (timer_create(2), the kernel's number of it) or of a timer's descriptor if it is to be set to an absolute time, and if it matters; else one that is the same everywhere.
clockid_t timers_clock(int id, int flags) noexcept;
clockid_t timer_descriptors_clock(int fd, int flags) noexcept;
// A timer's setting for the kernel, in `copy` if it is another.
const struct itimerspec* kernels_setting(clockid_t clock, const struct itimerspec* setting, struct itimerspec& copy) noexcept;

}  // namespace stasis::hijack
