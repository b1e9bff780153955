// Clocks of others' processor time, whose numbers contain ids (CPUCLOCK_ in linux/posix-timers.h): the program's, until the kernel gets them.
// World: hijack, any thread, also in signal handlers.
#include "hijack/virt/clocks.hpp"

#include <signal.h>
#include <time.h>

#include <cerrno>
#include <cstddef>

#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"
#include "hijack/virt/machine_clocks.hpp"

using namespace stasis::hijack;

namespace {

constexpr int kLowBits = 7, kDescriptor = 3;  // which clock of which sort; 3: of a device's descriptor

}  // namespace

namespace stasis::hijack {

clockid_t kernels_clock(clockid_t clock) noexcept {
  if (clock >= 0 || (clock & kDescriptor) == kDescriptor || !ids_are_virtual()) return clock;
  const std::int32_t id = ~(clock >> 3);
  return id == 0 ? clock : static_cast<clockid_t>(~static_cast<std::uint32_t>(kernels_id(id)) << 3) | (clock & kLowBits);
}

}  // namespace stasis::hijack

STASIS_EXPORT int clock_getcpuclockid(pid_t pid, clockid_t* clock) noexcept {
  const int result = real::clock_getcpuclockid(kernels_id(pid), clock);
  if (result == 0 && pid != 0 && ids_are_virtual()) *clock = static_cast<clockid_t>(~static_cast<std::uint32_t>(pid) << 3) | (*clock & kLowBits);
  return result;
}

STASIS_EXPORT int clock_getres(clockid_t clock, struct timespec* resolution) noexcept { return real::clock_getres(kernels_clock(clock), resolution); }

STASIS_EXPORT int clock_nanosleep(clockid_t clock, int flags, const struct timespec* time, struct timespec* left) {
  if ((flags & TIMER_ABSTIME) == 0 || !counts_from_start(clock)) return real::clock_nanosleep(kernels_clock(clock), flags, time, left);
  const Deadline deadline(clock, time);
  return real::clock_nanosleep(clock, flags, deadline.kernels(), left);
}

STASIS_EXPORT int timer_create(clockid_t clock, struct sigevent* event, timer_t* timer) noexcept {
  if (!ids_are_virtual() || event == nullptr || (event->sigev_notify & SIGEV_THREAD_ID) == 0) return real::timer_create(kernels_clock(clock), event, timer);
  struct sigevent translated = *event;
  translated._sigev_un._tid = kernels_id(translated._sigev_un._tid);
  return real::timer_create(kernels_clock(clock), &translated, timer);
}
