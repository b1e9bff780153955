// Clocks that go on, see clocks.hpp.
// World: programs, inside the new namespace if there is one.
#include "restart_wrapper/clocks.hpp"

#include <fcntl.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <string>

#include "restart_wrapper/members.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

constexpr int kNewTime = 0x80;  // CLONE_NEWTIME, linux/sched.h
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr const char* kOffsets = "/proc/self/timens_offsets";

std::int64_t now_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * kSecond + now.tv_nsec;
}

struct Offsets {
  std::int64_t monotonic = 0, boottime = 0;
};

// Of the namespace that we were started in: the kernel counts from the machine's own clocks.
Offsets inherited() {
  Offsets offsets;
  std::ifstream file(kOffsets);
  std::string name;
  for (std::int64_t seconds = 0, nanoseconds = 0; file >> name >> seconds >> nanoseconds;)
    (name == "monotonic" ? offsets.monotonic : offsets.boottime) = seconds * kSecond + nanoseconds;
  return offsets;
}

std::string line(const char* name, std::int64_t offset) {
  const std::int64_t nanoseconds = (offset % kSecond + kSecond) % kSecond;  // never negative, proc_timens_set_offset()
  return std::string(name) + " " + std::to_string((offset - nanoseconds) / kSecond) + " " + std::to_string(nanoseconds) + "\n";
}

// What is to be added to the caller's clocks so that they go on.
ClockOffsets offsets_from(const Computation& computation) {
  std::int64_t monotonic = 0, boottime = 0, realtime = 0;  // the latest that any process can have seen
  for (const image::Image& image : computation.members) {
    const image::ProcessRecord& process = image.process();
    monotonic = std::max(monotonic, static_cast<std::int64_t>(process.checkpoint_monotonic_ns));
    boottime = std::max(boottime, static_cast<std::int64_t>(process.checkpoint_boottime_ns));
    realtime = std::max(realtime, static_cast<std::int64_t>(process.checkpoint_realtime_ns));
  }
  boottime = std::max(boottime, monotonic);  // images of before it was recorded
  const std::int64_t away = std::max(std::int64_t{0}, now_ns(CLOCK_REALTIME) - realtime);
  return {monotonic - now_ns(CLOCK_MONOTONIC), boottime + away - now_ns(CLOCK_BOOTTIME)};
}

}  // namespace

Result<bool> continue_clocks(const Computation& computation) {
  if (::unshare(kNewTime) != 0) return false;
  const Offsets before = inherited();
  const ClockOffsets more = offsets_from(computation);
  const std::string text = line("monotonic", before.monotonic + more.monotonic_ns) + line("boottime", before.boottime + more.boottime_ns);
  const UniqueFd file(::open(kOffsets, O_WRONLY | O_CLOEXEC));
  if (file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return true;
  if (errno == EPERM) return false;  // root without CAP_SYS_TIME, in a container
  return system_error("set the clocks of a time namespace", -errno);
}

Status offset_clocks(const Computation& computation, const std::string& run_directory) {
  STASIS_TRY_VALUE(const Members members, Members::map(run_directory));
  members.table().set_clock_offsets(offsets_from(computation));
  return {};
}

}  // namespace stasis::restart
