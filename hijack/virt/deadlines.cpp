// Calls of the C library that take an absolute time by a clock that counts from a machine's start, or tell one: the program's, until the kernel gets it, see machine_clocks.hpp.
// World: hijack, any thread; a thread may be cancelled in those that wait.
#include <sys/sysinfo.h>
#include <sys/timerfd.h>

#include <cstddef>
#include <cstdint>

#include "hijack/engine/processor_time.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/virt/machine_clocks.hpp"
#include "hijack/virt/mutexes.hpp"

using namespace stasis::hijack;

namespace {

constexpr unsigned kConditionIsMonotonic = 2;  // of __wrefs, __PTHREAD_COND_CLOCK_MONOTONIC_MASK of glibc since 2.25
constexpr int kTimeMonotonic = 2;              // TIME_MONOTONIC of C23

// The kernel's number of a timer. Since glibc 2.34 the C library's is the same, or half the address of what it keeps of one that runs a function (below 0); before it was always an address.
int kernels_timer(timer_t timer) noexcept {
  const auto value = reinterpret_cast<std::intptr_t>(timer);
  if (value < 0) return *reinterpret_cast<const int*>(static_cast<std::uintptr_t>(value) << 1);
  return value <= INT32_MAX ? static_cast<int>(value) : reinterpret_cast<const int*>(value)[1];
}

}  // namespace

STASIS_EXPORT int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex, const struct timespec* time) {
  const Deadline deadline((condition->__data.__wrefs & kConditionIsMonotonic) != 0 ? CLOCK_MONOTONIC : CLOCK_REALTIME, time);
  return cond_timedwait(condition, mutex, deadline.kernels());
}

STASIS_EXPORT int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock, const struct timespec* time) {
  const Deadline deadline(clock, time);
  return cond_clockwait(condition, mutex, clock, deadline.kernels());
}

STASIS_EXPORT int pthread_mutex_clocklock(pthread_mutex_t* mutex, clockid_t clock, const struct timespec* time) noexcept {
  const Deadline deadline(clock, time);
  return mutex_clocklock(mutex, clock, deadline.kernels());
}

STASIS_EXPORT int pthread_rwlock_clockrdlock(pthread_rwlock_t* lock, clockid_t clock, const struct timespec* time) noexcept {
  const Deadline deadline(clock, time);
  return real::pthread_rwlock_clockrdlock(lock, clock, deadline.kernels());
}

STASIS_EXPORT int pthread_rwlock_clockwrlock(pthread_rwlock_t* lock, clockid_t clock, const struct timespec* time) noexcept {
  const Deadline deadline(clock, time);
  return real::pthread_rwlock_clockwrlock(lock, clock, deadline.kernels());
}

STASIS_EXPORT int sem_clockwait(sem_t* semaphore, clockid_t clock, const struct timespec* time) {
  const Deadline deadline(clock, time);
  return real::sem_clockwait(semaphore, clock, deadline.kernels());
}

STASIS_EXPORT int pthread_clockjoin_np(pthread_t thread, void** result, clockid_t clock, const struct timespec* time) {
  const Deadline deadline(clock, time);
  return real::pthread_clockjoin_np(thread, result, clock, deadline.kernels());
}

STASIS_EXPORT int timer_settime(timer_t timer, int flags, const struct itimerspec* setting, struct itimerspec* old) noexcept {
  if ((flags & TIMER_ABSTIME) == 0) return real::timer_settime(timer, flags, setting, old);
  struct itimerspec copy;
  return real::timer_settime(timer, flags, kernels_setting(timers_clock(kernels_timer(timer), flags), setting, copy), old);
}

STASIS_EXPORT int timerfd_settime(int fd, int flags, const struct itimerspec* setting, struct itimerspec* old) noexcept {
  struct itimerspec copy;
  return real::timerfd_settime(fd, flags, kernels_setting(timer_descriptors_clock(fd, flags), setting, copy), old);
}

STASIS_EXPORT int timespec_get(struct timespec* time, int base) noexcept {
  const std::int64_t ahead = base == kTimeMonotonic ? offset_of(CLOCK_MONOTONIC) : 0;
  const int result = real::timespec_get(time, base);
  if (base == kTimeMonotonic && ahead != offset_of(CLOCK_MONOTONIC)) return timespec_get(time, base);  // a restart came between
  if (result != 0 && ahead != 0) add(ahead, *time);
  return result;
}

STASIS_EXPORT int sysinfo(struct sysinfo* info) noexcept {
  const int result = real::sysinfo(info);
  if (result == 0) info->uptime += offset_of(CLOCK_BOOTTIME) / 1'000'000'000;
  return result;
}
