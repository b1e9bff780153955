// Clocks of processor time and counts of what was used: the kernel's, and what was used before a restart (hijack/engine/processor_time.hpp).
//
// Other clocks are passed through, but for the difference to the machine's (hijack/virt/machine_clocks.hpp), a look at a word: reading the time is a call that
// programs make millions of times.
// World: hijack, any thread, also in signal handlers.
#include "hijack/engine/processor_time.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>

#include "core/sys/syscall.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/virt/clocks.hpp"
#include "hijack/virt/ids.hpp"
#include "hijack/virt/machine_clocks.hpp"

using namespace stasis::hijack;
using stasis::sys::call;

namespace {

constexpr int kThread = 4, kScheduler = 2, kKind = 3;  // low bits of a clock of somebody by its id (clock_getcpuclockid(3), CPUCLOCK_ in linux/posix-timers.h)

bool is_own(clockid_t clock) noexcept {
  const int id = ~(clock >> 3);
  return id == 0 || kernels_id(id) == call((clock & kThread) != 0 ? SYS_gettid : SYS_getpid);
}

// Where processor time is asked for, the nanoseconds before the restart.
std::int64_t before(clockid_t clock) noexcept {
  if (clock == CLOCK_PROCESS_CPUTIME_ID) return process_difference().own.processor_ns;
  if (clock == CLOCK_THREAD_CPUTIME_ID) return thread_difference().processor_ns;
  if (clock >= 0 || (clock & kKind) != kScheduler || !is_own(clock)) return 0;
  return (clock & kThread) != 0 ? thread_difference().processor_ns : process_difference().own.processor_ns;
}

constexpr long kTicksOfSecond = 100;  // USER_HZ, the same on every machine (times(2))

clock_t ticks(const timeval& time) noexcept { return time.tv_sec * kTicksOfSecond + time.tv_usec / (1'000'000 / kTicksOfSecond); }

}  // namespace

STASIS_EXPORT int clock_gettime(clockid_t clock, struct timespec* time) noexcept {
  const std::int64_t ahead = offset_of(clock);
  const int result = real::clock_gettime(kernels_clock(clock), time);
  if (const std::int64_t now_ahead = offset_of(clock); __builtin_expect(ahead != now_ahead, 0)) return clock_gettime(clock, time);  // a restart came between
  if (__builtin_expect(ahead != 0, 0) && result == 0) add(ahead, *time);
  if (clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID) {
    if (const std::int64_t more = before(clock); result == 0 && more != 0) add(more, *time);
  }
  return result;
}

STASIS_EXPORT clock_t clock() noexcept {
  const clock_t result = real::clock();
  return result == static_cast<clock_t>(-1) ? result : result + process_difference().own.processor_ns / (1'000'000'000 / CLOCKS_PER_SEC);
}

STASIS_EXPORT clock_t times(struct tms* buffer) noexcept {
  const clock_t result = real::times(buffer);
  if (result == static_cast<clock_t>(-1)) return result;
  const ProcessUsage& more = process_difference();
  if (buffer != nullptr) {
    buffer->tms_utime += ticks(more.own.resources.ru_utime), buffer->tms_stime += ticks(more.own.resources.ru_stime);
    buffer->tms_cutime += ticks(more.children.resources.ru_utime), buffer->tms_cstime += ticks(more.children.resources.ru_stime);
  }
  return result + more.ticks;
}

STASIS_EXPORT int getrusage(__rusage_who_t who, struct rusage* usage) noexcept {
  const int result = real::getrusage(who, usage);
  if (result != 0) return result;
  if (who == RUSAGE_SELF) add(process_difference().own.resources, *usage);
  if (who == RUSAGE_CHILDREN) add(process_difference().children.resources, *usage);
  if (who == RUSAGE_THREAD) add(thread_difference().resources, *usage);
  return result;
}
