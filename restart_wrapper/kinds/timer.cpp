// Timer descriptors with the time that was left and the expirations that were not read. They are set going when all processes are there, not before.
//
// One that was set to a time of day keeps that; all others keep what was left of their time.
// World: programs, the first process of the new namespace.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>

#include <cerrno>

#include "core/image/states/timer.hpp"
#include "restart_wrapper/kinds/kind.hpp"

namespace stasis::restart {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr unsigned long kSetTicks = _IOW('T', 0, std::uint64_t);  // TFD_IOC_SET_TICKS of linux/timerfd.h, Linux 3.17; libc has it not

timespec time_of(std::uint64_t ns) { return {static_cast<time_t>(ns / kSecond), static_cast<long>(ns % kSecond)}; }

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) {
    STASIS_TRY_VALUE(const image::Timer timer, state_of<image::Timer>(*one));
    int fd = ::timerfd_create(timer.clock, TFD_CLOEXEC | TFD_NONBLOCK);
    // Waking a machine takes a privilege (CAP_WAKE_ALARM) that is lost inside the namespace.
    if (fd < 0 && errno == EPERM) fd = ::timerfd_create(timer.clock == CLOCK_BOOTTIME_ALARM ? CLOCK_BOOTTIME : CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0) return system_error("make a timer descriptor", -errno);
    if (::fcntl(fd, F_SETFL, static_cast<int>(one->record.status_flags) & (O_NONBLOCK | O_ASYNC)) != 0) return system_error("set a timer descriptor's flags", -errno);
    STASIS_TRY(workshop.put(one->record.id, fd));
  }
  return {};
}

Status complete(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) {
    STASIS_TRY_VALUE(const image::Timer timer, state_of<image::Timer>(*one));
    const bool of_day = (timer.flags & TFD_TIMER_ABSTIME) != 0 && (timer.clock == CLOCK_REALTIME || timer.clock == CLOCK_REALTIME_ALARM);
    itimerspec setting{};
    setting.it_interval = time_of(timer.interval_ns);
    if (timer.left_ns != 0) setting.it_value = time_of(of_day ? timer.clock_now_ns + timer.left_ns : timer.left_ns);
    const int fd = workshop.fds.at(one->record.id);
    if (::timerfd_settime(fd, of_day ? timer.flags : 0, &setting, nullptr) != 0) return system_error("set a timer descriptor", -errno);
    if (timer.ticks != 0 && ::ioctl(fd, kSetTicks, &timer.ticks) != 0) return system_error("set a timer descriptor's expirations", -errno);
  }
  return {};
}

}  // namespace

const Kind kinds_detail::timer{image::DescriptionKind::timer, nullptr, recreate, complete};

}  // namespace stasis::restart
