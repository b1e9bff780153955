// Ranges of addresses, see address_space.hpp.
// World: programs.
#include "restart_wrapper/address_space.hpp"

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <fstream>

namespace stasis::restart {

void RangeSet::add(Range range) {
  if (range.start >= range.end) return;
  auto first = std::find_if(ranges_.begin(), ranges_.end(), [&](const Range& other) { return other.end >= range.start; });
  auto last = first;
  while (last != ranges_.end() && last->start <= range.end) {
    range.start = std::min(range.start, last->start);
    range.end = std::max(range.end, last->end);
    ++last;
  }
  first = ranges_.erase(first, last);
  ranges_.insert(first, range);
}

bool RangeSet::overlaps(const Range& range) const noexcept {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const Range& other) { return other.overlaps(range); });
}

std::vector<Range> RangeSet::gaps(Range space) const {
  std::vector<Range> free;
  std::uint64_t cursor = space.start;
  for (const Range& range : ranges_) {
    if (range.end <= cursor) continue;
    if (range.start >= space.end) break;
    if (range.start > cursor) free.push_back({cursor, range.start});
    cursor = range.end;
  }
  if (cursor < space.end) free.push_back({cursor, space.end});
  return free;
}

Range RangeSet::find_hole(std::uint64_t length, std::uint64_t alignment, std::uint64_t margin, Range space) const {
  const std::vector<Range> free = gaps(space);
  for (auto gap = free.rbegin(); gap != free.rend(); ++gap) {
    if (gap->length() < length + 2 * margin) continue;
    const std::uint64_t start = (gap->end - margin - length) / alignment * alignment;
    if (start >= gap->start + margin) return {start, start + length};
  }
  return {};
}

Result<std::vector<OwnMapping>> own_mappings() {
  std::ifstream maps("/proc/self/maps");
  if (!maps) return system_error("open /proc/self/maps", -errno);
  std::vector<OwnMapping> mappings;
  for (std::string line; std::getline(maps, line);) {
    OwnMapping mapping;
    int name_at = 0;
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %*s %n", &mapping.range.start, &mapping.range.end, &name_at) < 2)
      return error(ErrorCode::defect, "a line of /proc/self/maps").with(line);
    if (name_at > 0 && static_cast<std::size_t>(name_at) < line.size()) mapping.name = line.substr(static_cast<std::size_t>(name_at));
    if (mapping.name != "[vsyscall]") mappings.push_back(std::move(mapping));
  }
  return mappings;
}

namespace {

// Whether the mapping that begins at `start` is sealed (mseal(2)): "VmFlags: ... sl" of proc_pid_smaps(5).
bool is_sealed(std::uint64_t start) {
  std::ifstream file("/proc/self/smaps");
  bool found = false;
  for (std::string line; std::getline(file, line);) {
    std::uint64_t first = 0, last = 0;
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64 " ", &first, &last) == 2) found = first == start;
    if (found && line.starts_with("VmFlags:")) return (line + " ").find(" sl ") != std::string::npos;
  }
  return false;
}

}  // namespace

Result<LiveVdso> live_vdso() {
  STASIS_TRY_VALUE(const std::vector<OwnMapping> mappings, own_mappings());
  LiveVdso vdso;
  for (const OwnMapping& mapping : mappings) {
    const bool text = mapping.name == "[vdso]";
    if (!text && !mapping.name.starts_with("[vvar")) continue;
    vdso.pieces.push_back(mapping.range);
    if (text) vdso.text = mapping.range;
  }
  if (vdso.text.length() == 0) return vdso;  // booted with vdso=0
  vdso.block = {vdso.pieces.front().start, vdso.pieces.back().end};
  vdso.is_sealed = is_sealed(vdso.text.start);
  vdso.bytes.assign(reinterpret_cast<const char*>(vdso.text.start), vdso.text.length());
  return vdso;
}

}  // namespace stasis::restart
