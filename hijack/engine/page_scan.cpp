// Finding pages, see page_scan.hpp.
//
// PAGEMAP_SCAN returns at most a buffer full of regions. Where it stopped is the end of the last region, never walk_end, which is stale when the
// kernel flushed its own buffer in between (seen on 6.18); fewer regions than asked for mean that the range is finished.
// World: hijack, leader.
#include "hijack/engine/page_scan.hpp"

#include "core/image/format.hpp"

namespace stasis::hijack {
namespace {

struct ScanArguments {  // struct pm_scan_arg of linux/fs.h
  std::uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
  std::uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
constexpr unsigned long kPagemapScan = 0xc0606610;  // _IOWR('f', 16, struct pm_scan_arg)
static_assert(sizeof(ScanArguments) == 0x60);
constexpr std::uint64_t kFile = 1u << 2, kPresent = 1u << 3, kSwapped = 1u << 4, kZero = 1u << 5, kGuard = 1u << 8;

// Bits of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
constexpr std::uint64_t kEntryPresent = 1ull << 63, kEntrySwapped = 1ull << 62, kEntryFile = 1ull << 61;

}  // namespace

Status PageScan::open(Arena& arena) noexcept {
  regions_ = static_cast<Region*>(arena.take(kRegions * sizeof(Region)));
  entries_ = static_cast<std::uint64_t*>(arena.take(kEntries * sizeof(std::uint64_t)));
  if (regions_ == nullptr || entries_ == nullptr) return out_of_arena();
  file_ = open_file("/proc/thread-self/pagemap", O_RDONLY);
  return file_.ok() ? Status() : system_error("open /proc/thread-self/pagemap", file_.get());
}

Status PageScan::refill(std::uint64_t from, std::uint64_t end, bool own_only) noexcept {
  for (;;) {
    ScanArguments arguments{};
    arguments.size = sizeof arguments;
    arguments.start = from, arguments.end = end;
    arguments.vec = reinterpret_cast<std::uint64_t>(regions_), arguments.vec_len = kRegions;
    arguments.category_inverted = kZero | (has_guards_ ? kGuard : 0) | (own_only ? kFile : 0);
    arguments.category_mask = arguments.category_inverted;
    arguments.category_anyof_mask = kPresent | kSwapped;
    arguments.return_mask = kPresent;  // without the others neighbours are told as one region
    const long count = sys::call(SYS_ioctl, file_.get(), kPagemapScan, &arguments);
    if (count == -EINVAL && has_guards_) {
      has_guards_ = false;
      continue;
    }
    if (count == -ENOTTY || count == -EINVAL) {
      has_scan_ = false;
      return {};
    }
    if (count < 0) return system_error("PAGEMAP_SCAN", count);
    count_ = static_cast<std::uint32_t>(count), next_ = 0;
    known_from_ = from, known_own_only_ = own_only;
    known_until_ = count_ < kRegions ? end : regions_[count_ - 1].end;
    return {};
  }
}

Result<AddressRange> PageScan::next(std::uint64_t from, std::uint64_t end, bool own_only) noexcept {
  while (has_scan_ && from < end) {
    if (from < known_from_ || from >= known_until_ || own_only != known_own_only_) STASIS_TRY(refill(from, end, own_only));
    if (!has_scan_) break;
    for (; next_ != count_; ++next_) {
      const Region& region = regions_[next_];
      if (region.end <= from) continue;
      if (region.start >= end) return AddressRange{end, end};
      return AddressRange{region.start < from ? from : region.start, region.end < end ? region.end : end};
    }
    from = known_until_;
  }
  if (has_scan_) return AddressRange{end, end};
  return next_of_pagemap(from, end, own_only);
}

Result<AddressRange> PageScan::next_guards(std::uint64_t from, std::uint64_t end) noexcept {
  ScanArguments arguments{};
  arguments.size = sizeof arguments;
  arguments.start = from, arguments.end = end;
  Region found{};
  arguments.vec = reinterpret_cast<std::uint64_t>(&found), arguments.vec_len = 1;
  arguments.category_mask = kGuard, arguments.return_mask = kGuard;
  const long count = sys::call(SYS_ioctl, file_.get(), kPagemapScan, &arguments);
  if (count == -ENOTTY || count == -EINVAL || count == 0) return AddressRange{end, end};  // a kernel without guards, or one that does not tell of them
  if (count < 0) return system_error("PAGEMAP_SCAN", count);
  return AddressRange{found.start, found.end};
}

Result<AddressRange> PageScan::next_of_pagemap(std::uint64_t from, std::uint64_t end, bool own_only) noexcept {
  AddressRange found{end, end};
  bool inside = false;
  while (from < end) {
    const std::uint64_t pages = (end - from) / image::kPage;
    const std::uint64_t wanted = (pages < kEntries ? pages : kEntries) * sizeof entries_[0];
    const long got = sys::call(SYS_pread64, file_.get(), entries_, wanted, from / image::kPage * sizeof entries_[0]);
    if (got < 0) return system_error("read /proc/thread-self/pagemap", got);
    if (got == 0) break;
    for (std::uint64_t i = 0; i != static_cast<std::uint64_t>(got) / sizeof entries_[0]; ++i, from += image::kPage) {
      const std::uint64_t entry = entries_[i];
      const bool counts = (entry & (kEntryPresent | kEntrySwapped)) != 0 && !(own_only && (entry & kEntryFile) != 0);
      if (counts && !inside) found = {from, end}, inside = true;
      if (!counts && inside) return AddressRange{found.start, from};
    }
  }
  return found;
}

}  // namespace stasis::hijack
