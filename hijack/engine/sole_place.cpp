// See sole_place.hpp. Gaps that are large enough are taken, by address space alone, and whatever is left beside the place.
// World: hijack.
#include "hijack/engine/sole_place.hpp"

#include <sys/mman.h>

#include <cerrno>

#include "hijack/engine/lifted_limit.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/memory.hpp"
#include "hijack/rt/text.hpp"

namespace stasis::hijack {
namespace {

constexpr std::uint64_t kLowest = 65536, kEnd = 0x7ffffffff000;  // of what programs are given (TASK_SIZE with four levels of page tables)
constexpr std::uint64_t kText = 16u << 20, kMostGaps = 65536;    // the kernel allows so many mappings (vm.max_map_count), each a line

struct Gap {
  std::uint64_t start, length;
};

// Takes gaps and gives them back at the end of its scope.
class Taken {
 public:
  Taken(const Gap& spared) noexcept : spared_(spared) {}
  Taken(const Taken&) = delete;
  ~Taken() {
    for (std::uint64_t i = 0; i != count_; ++i) sys::call(SYS_munmap, gaps_[i].start, gaps_[i].length);
    if (memory_ > 0) sys::call(SYS_munmap, memory_, kSize);
  }

  long take_all() noexcept {
    const long memory = map_unlocked(kSize);
    if (sys::failed(memory)) return memory;
    memory_ = memory;
    gaps_ = reinterpret_cast<Gap*>(memory_ + static_cast<long>(kText));
    const OwnedFd maps = open_file("/proc/self/maps", O_RDONLY);
    if (!maps.ok()) return maps.get();
    auto* text = reinterpret_cast<char*>(memory_);
    const long size = read_all(maps.get(), text, kText);
    if (size < 0) return size;
    std::uint64_t last = kLowest;
    for (Text lines({text, static_cast<std::size_t>(size)}); !lines.done() && last < kEnd;) {
      Text line(lines.line());
      const std::uint64_t start = line.number(16);
      line.skip(1);
      take_around(last, start < kEnd ? start : kEnd);
      last = line.number(16);
    }
    if (last < kEnd) take_around(last, kEnd);
    return 0;
  }

 private:
  static constexpr std::uint64_t kSize = kText + kMostGaps * sizeof(Gap);

  void take_around(std::uint64_t start, std::uint64_t end) noexcept {
    if (spared_.start < start || spared_.start >= end) return end - start < spared_.length ? void() : take(start, end);
    take(start, spared_.start);
    take(spared_.start + spared_.length, end);
  }

  // If it fails, the kernel may choose that place, which is noticed then.
  void take(std::uint64_t start, std::uint64_t end) noexcept {
    if (end == start || count_ == kMostGaps) return;
    const long place = sys::call(SYS_mmap, start, end - start, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    if (!sys::failed(place)) gaps_[count_++] = {start, end - start};
  }

  Gap spared_;
  Gap* gaps_ = nullptr;
  std::uint64_t count_ = 0;
  long memory_ = 0;
};

}  // namespace

long map_at_sole_place(std::uint64_t start, std::uint64_t length, int protection, int fd, std::uint64_t offset) noexcept {
  const LiftedLimit address_space(RLIMIT_AS), descriptors(RLIMIT_NOFILE);
  Taken taken({start, length});
  if (const long result = taken.take_all(); result < 0) return result;
  const long place = sys::call(SYS_mmap, nullptr, length, protection, MAP_SHARED, fd, offset);
  if (sys::failed(place) || static_cast<std::uint64_t>(place) == start) return place;
  sys::call(SYS_munmap, place, length);
  return -EADDRNOTAVAIL;
}

}  // namespace stasis::hijack
