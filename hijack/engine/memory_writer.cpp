// Writing memory, see memory_writer.hpp.
// World: hijack, leader.
#include "hijack/engine/memory_writer.hpp"

#include <sys/mman.h>

#include "hijack/rt/text.hpp"

namespace stasis::hijack {
namespace {

bool is_zero_page(const char* page) noexcept {
  const auto* words = reinterpret_cast<const std::uint64_t*>(page);
  for (std::size_t i = 0; i != image::kPage / sizeof *words; i += 8) {
    const std::uint64_t any = words[i] | words[i + 1] | words[i + 2] | words[i + 3] | words[i + 4] | words[i + 5] | words[i + 6] | words[i + 7];
    if (any != 0) return false;
  }
  return true;
}

// Calls visit(range) for each longest stretch of pages within `range` for which keep(page) holds.
template <class Keep, class Visit>
Status for_each_stretch(const AddressRange& range, Keep&& keep, Visit&& visit) noexcept {
  for (std::uint64_t at = range.start; at < range.end;) {
    while (at < range.end && !keep(at)) at += image::kPage;
    const std::uint64_t start = at;
    while (at < range.end && keep(at)) at += image::kPage;
    if (start != at) STASIS_TRY(visit(AddressRange{start, at}));
  }
  return {};
}

}  // namespace

Status MemoryWriter::open(Arena& arena) noexcept {
  buffer_ = static_cast<char*>(arena.take(kBuffer));
  if (buffer_ == nullptr) return out_of_arena();
  memory_ = open_file("/proc/thread-self/mem", O_RDONLY);
  if (!memory_.ok()) return system_error("open /proc/thread-self/mem", memory_.get());
  char swaps[512];
  Text text(read_small("/proc/swaps", swaps, sizeof swaps));
  text.line();
  swap_in_use_ = !text.done();
  return {};
}

Status MemoryWriter::write_private(const Mapping& mapping, List<image::PageRun>& runs) noexcept {
  const image::MappingRecord& record = mapping.record;
  const bool from_file = record.kind == image::MappingKind::file_private;
  if (mapping.whole) return write_unreadable({record.start, record.end}, 0, true, runs);
  for (std::uint64_t at = record.start; at < record.end;) {
    STASIS_TRY_VALUE(const AddressRange range, scan_.next(at, record.end, from_file));
    if (range.start >= range.end) break;
    STASIS_TRY(mapping.readable ? write_range(range, 0, !from_file, runs) : write_unreadable(range, 0, !from_file, runs));
    at = range.end;
  }
  return {};
}

Status MemoryWriter::write_range(const AddressRange& range, std::uint64_t base, bool skip_zeros, List<image::PageRun>& runs) noexcept {
  if (!skip_zeros) return add(range, base, runs);
  return for_each_stretch(
      range, [](std::uint64_t page) { return !is_zero_page(reinterpret_cast<const char*>(page)); },
      [&](const AddressRange& stretch) { return add(stretch, base, runs); });
}

Status MemoryWriter::add(const AddressRange& range, std::uint64_t base, List<image::PageRun>& runs) noexcept {
  const auto memory = [](std::uint64_t address) { return reinterpret_cast<const char*>(address); };
  if (!range.holds(restless_)) return image_.add_memory(runs, range.start - base, memory(range.start), range.end - range.start);
  const std::uint64_t after = restless_ + image::kPage;
  STASIS_TRY(image_.add_memory(runs, range.start - base, memory(range.start), restless_ - range.start));
  STASIS_TRY(image_.add_copy(runs, restless_ - base, memory(restless_), image::kPage));
  return image_.add_memory(runs, after - base, memory(after), range.end - after);
}

Status MemoryWriter::write_unreadable(const AddressRange& range, std::uint64_t base, bool skip_zeros, List<image::PageRun>& runs) noexcept {
  for (std::uint64_t at = range.start; at < range.end;) {
    std::uint64_t wanted = range.end - at < kBuffer ? range.end - at : kBuffer;
    long got = sys::call(SYS_pread64, memory_.get(), buffer_, wanted, at);
    if (got < static_cast<long>(image::kPage)) {
      wanted = image::kPage;
      got = sys::call(SYS_pread64, memory_.get(), buffer_, wanted, at);
    }
    if (got < static_cast<long>(image::kPage)) {  // beyond the end of a file: nothing there to be saved
      at += image::kPage;
      continue;
    }
    const std::uint64_t start = at;
    const AddressRange read{0, static_cast<std::uint64_t>(got) / image::kPage * image::kPage};
    STASIS_TRY(for_each_stretch(
        read, [&](std::uint64_t page) { return !skip_zeros || !is_zero_page(buffer_ + page); },
        [&](const AddressRange& stretch) {
          return image_.add_copy(runs, start + stretch.start - base, buffer_ + stretch.start, stretch.end - stretch.start);
        }));
    at += read.end;
  }
  return {};
}

// Pages of a shared object need not be in our own page table to be there: mincore(2) asks the object. It does not see what was swapped out;
// then everything is read.
Status MemoryWriter::write_shared(const Mapping& mapping, List<image::PageRun>& runs) noexcept {
  const AddressRange range{mapping.record.start, mapping.record.end};
  const std::uint64_t base = range.start - mapping.record.offset;
  if (swap_in_use_) return write_unreadable(range, base, true, runs);
  unsigned char resident[1024];
  for (std::uint64_t at = range.start; at < range.end;) {
    const std::uint64_t length = range.end - at < sizeof resident * image::kPage ? range.end - at : sizeof resident * image::kPage;
    if (const long result = sys::call(SYS_mincore, at, length, resident); result < 0) return system_error("mincore", result);
    STASIS_TRY(for_each_stretch({at, at + length}, [&](std::uint64_t page) { return (resident[(page - at) / image::kPage] & 1) != 0; },
                                [&](const AddressRange& stretch) {
                                  return mapping.readable ? write_range(stretch, base, true, runs) : write_unreadable(stretch, base, true, runs);
                                }));
    at += length;
  }
  return {};
}

}  // namespace stasis::hijack
