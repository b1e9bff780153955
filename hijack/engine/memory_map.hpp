// The address space as the kernel describes it, each mapping classified for the image.
//
// World: hijack, leader, all threads parked.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/base/result.hpp"
#include "core/image/records.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

struct Mapping {
  image::MappingRecord record;
  bool shared = false;
  bool whole = false;     // no file to come back from: every page is saved, also those that only the file has
  bool readable = false;
  bool ring = false;      // of a context of asynchronous I/O (io_contexts.hpp); saved as memory of its own
  bool is_uring = false;  // of an io_uring (rings.hpp), likewise
};

struct AddressRange {
  std::uint64_t start = 0, end = 0;
  bool holds(std::uint64_t address) const noexcept { return address >= start && address < end; }
};

struct MemoryMap {
  List<Mapping> mappings;  // ascending; without the kernel's pages, our scratch and the member table
  AddressRange vdso;
  std::uint64_t vvar_start = 0;
};

// Reads /proc/thread-self/smaps. `scratch` is left out. What cannot be brought back (devices, huge page files of others) is an error of code
// unsupported that names it.
Result<MemoryMap> read_memory_map(Arena& arena, const AddressRange& scratch) noexcept;

}  // namespace stasis::hijack
