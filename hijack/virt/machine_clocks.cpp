// Differences of clocks and the times that are given by them, see machine_clocks.hpp.
// World: hijack.
#include "hijack/virt/machine_clocks.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#include "hijack/engine/aside.hpp"
#include "hijack/engine/restart_call.hpp"
#include "hijack/engine/unstopped.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/memory.hpp"
#include "hijack/rt/text.hpp"

constinit bool stasis_calls_are_translated = false;

namespace stasis::hijack {

namespace machine_clocks_detail {
constinit std::atomic<std::int64_t> monotonic_ahead{0}, boottime_ahead{0};
}  // namespace machine_clocks_detail

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr int kMostCopies = 64;  // of signal handlers that wait inside of waits
constexpr std::uint64_t kMark = 0x5374617369735449;

constinit thread_local Deadline::Copy* newest = nullptr;
constinit ClockOffsets before_restart{};

std::uint64_t mark_of(const Deadline::Copy* copy) noexcept { return kMark ^ reinterpret_cast<std::uint64_t>(copy); }

// What the kernel would refuse stays as it is, what has passed before the machine was started is its start.
timespec minus(const timespec& time, std::int64_t nanoseconds) noexcept {
  if (nanoseconds == 0 || time.tv_sec < 0 || time.tv_nsec < 0 || time.tv_nsec >= kSecond) return time;
  std::int64_t whole = nanoseconds / kSecond, rest = nanoseconds % kSecond;
  if (rest < 0) rest += kSecond, --whole;
  timespec result = time;
  if (__builtin_sub_overflow(time.tv_sec, whole, &result.tv_sec)) return time;  // never
  result.tv_nsec -= rest;
  if (result.tv_nsec < 0) result.tv_nsec += kSecond, --result.tv_sec;
  return result.tv_sec < 0 ? timespec{0, 0} : result;
}

// Copies between memory of ours that may be gone; false if it is.
bool copy_safely(long call, void* local, const void* remote, std::size_t size) noexcept {
  const iovec here{local, size}, there{const_cast<void*>(remote), size};
  return sys::call(call, sys::call(SYS_getpid), &here, 1, &there, 1, 0) == static_cast<long>(size);
}

// A file of /proc, read where no descriptor of ours is seen (engine/aside.hpp).
struct Reading {
  static constexpr std::size_t kStack = 64u << 10, kBuffer = 64u << 10, kSize = kStack + kBuffer;
  const char* path;
  char* buffer;
  std::string_view text;
};

void read_aside(void* argument) noexcept {
  auto& reading = *static_cast<Reading*>(argument);
  reading.text = read_small(reading.path, reading.buffer, Reading::kBuffer);
}

template <class Find>
clockid_t clock_in(const char* path, Find&& find) noexcept {
  const long place = map_unlocked(Reading::kSize);
  if (sys::failed(place)) return CLOCK_REALTIME;
  char* const memory = reinterpret_cast<char*>(place);
  Reading reading{path, memory, {}};
  {
    const Unstopped moment;
    call_aside(read_aside, &reading, memory + Reading::kSize);
  }
  const clockid_t clock = find(reading.text);
  sys::call(SYS_munmap, place, Reading::kSize);
  return clock;
}

}  // namespace

void take_clock_offsets(const ClockOffsets& offsets) noexcept {
  using namespace machine_clocks_detail;
  before_restart = {monotonic_ahead.load(), boottime_ahead.load()};
  monotonic_ahead.store(offsets.monotonic_ns);
  boottime_ahead.store(offsets.boottime_ns);
  stasis_calls_are_translated = offsets.monotonic_ns != 0 || offsets.boottime_ns != 0;
}

void shift_deadlines(ucontext_t& context, timespec& slot) noexcept {
  const AwaitedTime awaited = awaited_time(context);
  const auto given = awaited.place == nullptr ? 0 : static_cast<std::uint64_t>(*awaited.place);
  bool is_shifted = false;
  Deadline::Copy* at = newest;
  for (int i = 0; at != nullptr && i != kMostCopies; ++i) {
    Deadline::Copy copy;
    if (!copy_safely(SYS_process_vm_readv, &copy, at, sizeof copy) || copy.mark != mark_of(at)) break;
    copy.kernels = minus(copy.programs, offset_of(copy.clock));
    copy_safely(SYS_process_vm_writev, &copy.kernels, &at->kernels, sizeof copy.kernels);
    is_shifted |= given == reinterpret_cast<std::uint64_t>(&at->kernels);
    at = copy.before;
  }
  if (given == 0 || is_shifted || !counts_from_start(awaited.clock)) return;
  const bool by_boottime = machine_clocks_detail::is_among(awaited.clock, machine_clocks_detail::kBoottime);
  const std::int64_t change = offset_of(awaited.clock) - (by_boottime ? before_restart.boottime_ns : before_restart.monotonic_ns);
  timespec time;
  if (change == 0 || !copy_safely(SYS_process_vm_readv, &time, reinterpret_cast<const void*>(given), sizeof time)) return;
  slot = minus(time, change);
  *awaited.place = reinterpret_cast<greg_t>(&slot);
}

Deadline::Deadline(clockid_t clock, const timespec* programs) noexcept : given_(programs) {
  if (programs == nullptr || !counts_from_start(clock)) return;
  given_ = &copy_.kernels;
  copy_.before = newest, copy_.clock = clock, copy_.programs = *programs, copy_.mark = mark_of(&copy_);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  newest = &copy_;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  std::int64_t ahead;
  do {
    ahead = offset_of(clock);
    copy_.kernels = minus(copy_.programs, ahead);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  } while (ahead != offset_of(clock));  // a restart came between
}

Deadline::~Deadline() {
  if (given_ != &copy_.kernels) return;
  newest = copy_.before;
  *const_cast<volatile std::uint64_t*>(&copy_.mark) = 0;
}

clockid_t timers_clock(int id, int flags) noexcept {
  if ((flags & TIMER_ABSTIME) == 0 || (offset_of(CLOCK_MONOTONIC) == 0 && offset_of(CLOCK_BOOTTIME) == 0)) return CLOCK_REALTIME;
  return clock_in("/proc/self/timers", [&](std::string_view file) {  // as in engine/saved_state.cpp
    Text text(file);
    while (!text.done()) {
      Text number(text.line());
      text.line(), text.line();
      Text clock(text.line());
      number.word(), clock.word();
      if (static_cast<int>(number.number()) == id) return static_cast<clockid_t>(clock.number());
    }
    return CLOCK_REALTIME;
  });
}

clockid_t timer_descriptors_clock(int fd, int flags) noexcept {
  if ((flags & TFD_TIMER_ABSTIME) == 0 || (offset_of(CLOCK_MONOTONIC) == 0 && offset_of(CLOCK_BOOTTIME) == 0)) return CLOCK_REALTIME;
  FixedString<96> path("/proc/self/task/");
  path.append_signed(sys::call(SYS_gettid)).append("/fdinfo/").append_signed(fd);
  return clock_in(path.c_str(), [](std::string_view facts) {
    const std::string_view clock = field_of(facts, "clockid:");
    return clock.empty() ? CLOCK_REALTIME : static_cast<clockid_t>(Text(clock).number());
  });
}

const struct itimerspec* kernels_setting(clockid_t clock, const struct itimerspec* setting, struct itimerspec& copy) noexcept {
  const std::int64_t ahead = offset_of(clock);
  if (ahead == 0 || setting == nullptr || (setting->it_value.tv_sec == 0 && setting->it_value.tv_nsec == 0)) return setting;
  copy = *setting;
  copy.it_value = minus(setting->it_value, ahead);
  if (copy.it_value.tv_sec == 0 && copy.it_value.tv_nsec == 0) copy.it_value.tv_nsec = 1;  // 0 would stop it
  return &copy;
}

}  // namespace stasis::hijack
