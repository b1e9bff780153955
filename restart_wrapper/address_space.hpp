// Ranges of addresses: which are taken, which are free, and what this process has mapped itself.
//
// World: programs.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.hpp"

namespace stasis::restart {

struct Range {
  std::uint64_t start = 0;
  std::uint64_t end = 0;  // one past the last byte
  std::uint64_t length() const noexcept { return end - start; }
  bool overlaps(const Range& other) const noexcept { return start < other.end && other.start < end; }
  bool operator==(const Range&) const = default;
};

// Where programs can have memory: above mmap_min_addr, below TASK_SIZE_MAX of 4-level page tables (Documentation/arch/x86/x86_64/mm.rst).
inline constexpr Range kUserSpace{0x10000, 0x7ffffffff000};

// A set of addresses, kept as ascending ranges that do not touch.
class RangeSet {
 public:
  void add(Range range);
  bool overlaps(const Range& range) const noexcept;
  const std::vector<Range>& ranges() const noexcept { return ranges_; }
  // What of `space` is not in the set, ascending.
  std::vector<Range> gaps(Range space) const;
  // A free place of `length` bytes at a multiple of `alignment`, with `margin` free bytes on both sides, as high as possible below
  // `space.end`; an empty range if there is none.
  Range find_hole(std::uint64_t length, std::uint64_t alignment, std::uint64_t margin, Range space) const;

 private:
  std::vector<Range> ranges_;
};

struct OwnMapping {
  Range range;
  std::string name;  // path or name in brackets
};

// What this process has mapped now, without [vsyscall].
Result<std::vector<OwnMapping>> own_mappings();

// The vdso of this process: its data pages ([vvar], [vvar_vclock]; since 6.13 more than one mapping) and its text, one block.
struct LiveVdso {
  std::vector<Range> pieces;  // ascending, each one mapping
  Range block;                // all of them
  Range text;                 // [vdso]
  std::string bytes;          // of the text
  bool is_sealed = false;     // the kernel lets nobody move it (CONFIG_MSEAL_SYSTEM_MAPPINGS)
};
Result<LiveVdso> live_vdso();

}  // namespace stasis::restart
