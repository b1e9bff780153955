// Differences of processor time, see processor_time.hpp.
// World: hijack.
#include "hijack/engine/processor_time.hpp"

#include <sys/syscall.h>

#include "core/sys/syscall.hpp"

namespace stasis::hijack {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

constinit thread_local Usage of_thread = {};
constinit ProcessUsage of_process = {};

// Counts, which add up; the largest size does not.
constexpr long rusage::* kCounts[] = {&rusage::ru_ixrss,   &rusage::ru_idrss,   &rusage::ru_isrss,  &rusage::ru_minflt,   &rusage::ru_majflt, &rusage::ru_nswap, &rusage::ru_inblock,
                                      &rusage::ru_oublock, &rusage::ru_msgsnd, &rusage::ru_msgrcv, &rusage::ru_nsignals, &rusage::ru_nvcsw,  &rusage::ru_nivcsw};

std::int64_t kernels_clock(int clock) noexcept {
  timespec now{};
  sys::call(SYS_clock_gettime, clock, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

rusage kernels_resources(int who) noexcept {
  rusage resources{};
  sys::call(SYS_getrusage, who, &resources);
  return resources;
}

std::int64_t kernels_ticks() noexcept {
  tms unused{};
  return sys::call(SYS_times, &unused);
}

void add(const timeval& more, timeval& to, int sign) noexcept {
  to.tv_sec += sign * more.tv_sec, to.tv_usec += sign * more.tv_usec;
  if (to.tv_usec < 0) to.tv_usec += 1'000'000, --to.tv_sec;
  if (to.tv_usec >= 1'000'000) to.tv_usec -= 1'000'000, ++to.tv_sec;
}

void add(const rusage& more, rusage& to, int sign) noexcept {
  add(more.ru_utime, to.ru_utime, sign);
  add(more.ru_stime, to.ru_stime, sign);
  for (long rusage::* const count : kCounts) to.*count += sign * more.*count;
}

rusage difference(const rusage& wanted, const rusage& kernels) noexcept {
  rusage result = wanted;
  add(kernels, result, -1);
  return result;
}

}  // namespace

Usage thread_usage() noexcept {
  Usage usage{kernels_clock(CLOCK_THREAD_CPUTIME_ID) + of_thread.processor_ns, kernels_resources(RUSAGE_THREAD)};
  add(of_thread.resources, usage.resources);
  return usage;
}

ProcessUsage process_usage() noexcept {
  ProcessUsage usage{{kernels_clock(CLOCK_PROCESS_CPUTIME_ID) + of_process.own.processor_ns, kernels_resources(RUSAGE_SELF)},
                     {0, kernels_resources(RUSAGE_CHILDREN)},
                     kernels_ticks() + of_process.ticks};
  add(of_process.own.resources, usage.own.resources);
  add(of_process.children.resources, usage.children.resources);
  return usage;
}

void continue_thread_usage(const Usage& usage) noexcept {
  of_thread.processor_ns = usage.processor_ns - kernels_clock(CLOCK_THREAD_CPUTIME_ID);
  of_thread.resources = difference(usage.resources, kernels_resources(RUSAGE_THREAD));
}

void continue_process_usage(const ProcessUsage& usage) noexcept {
  of_process.own.processor_ns = usage.own.processor_ns - kernels_clock(CLOCK_PROCESS_CPUTIME_ID);
  of_process.own.resources = difference(usage.own.resources, kernels_resources(RUSAGE_SELF));
  of_process.children.resources = difference(usage.children.resources, kernels_resources(RUSAGE_CHILDREN));
  of_process.ticks = usage.ticks - kernels_ticks();
}

void begin_usage() noexcept {
  of_thread = {};
  const std::int64_t ticks = of_process.ticks;  // of the clock, not of the process
  of_process = {};
  of_process.ticks = ticks;
}

const Usage& thread_difference() noexcept { return of_thread; }
const ProcessUsage& process_difference() noexcept { return of_process; }

void add(std::int64_t nanoseconds, timespec& time) noexcept {
  const std::int64_t sum = time.tv_sec * kSecond + time.tv_nsec + nanoseconds;
  time.tv_sec = sum / kSecond, time.tv_nsec = sum % kSecond;
}

void add(const rusage& more, rusage& to) noexcept {
  add(more, to, 1);
  if (more.ru_maxrss > to.ru_maxrss) to.ru_maxrss = more.ru_maxrss;
}

}  // namespace stasis::hijack
