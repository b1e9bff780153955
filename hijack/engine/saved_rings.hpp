// Rings as a checkpoint found them, in the library's own memory, from which a restored process makes them again (rings.hpp).
//
// World: hijack.
#pragma once
#include <cstdint>

#include "hijack/engine/ring_requests.hpp"

namespace stasis::hijack {

constexpr std::uint32_t kMostRingNumbers = 256, kMostRingMappings = 256;

struct RingNumber {
  std::int32_t fd;
  bool close_on_exec;
};

struct RingMapping {
  std::uint64_t start, length, offset;
  std::uint32_t protection, flags;  // image::MappingFlag
  const char* old;                  // at a restart: what was in it, elsewhere
};

constexpr std::uint32_t kMostUnderWay = 1024;

struct SavedRequest {
  RingRequest* request;   // in the ring's table
  std::uint32_t ring;
  std::int64_t left_ns;   // a timeout's that is relative
};

// In an epoll set.
struct RingEntry {
  std::int32_t set, fd;
  std::uint32_t events;
  std::uint64_t data;
};

struct SavedRing {
  RingNote* note;
  std::uint32_t taken, given;    // the kernel's counters of requests and results
  std::uint32_t under_way;       // how many requests of it are
  std::atomic<std::uint32_t> busy;  // at a restart: a thread is just giving it one
  std::int32_t owner;            // who alone may use it, 0: anybody
  std::int32_t status_flags;
  std::uint32_t first_number, number_count, first_mapping, mapping_count;
  // At a restart: what was in memory that is the program's own (IORING_SETUP_NO_MMAP).
  const char* old_results;
  const char* old_entries;
};

struct SavedRings {
  SavedRing rings[kMostRings];
  std::uint32_t count;
  RingNumber numbers[kMostRingNumbers];
  std::uint32_t number_count;
  RingMapping mappings[kMostRingMappings];
  std::uint32_t mapping_count;
  SavedRequest requests[kMostUnderWay];  // in the order of being given
  std::uint32_t request_count;
  RingEntry entries[kMostRingNumbers];
  std::uint32_t entry_count;
};
extern constinit SavedRings saved_rings;

// Bytes of what belongs to it.
inline std::uint64_t results_size(const RingShape& shape) noexcept {
  const std::uint64_t results = shape.events + (static_cast<std::uint64_t>(shape.results) << ((shape.flags & IORING_SETUP_CQE32) != 0 ? 5 : 4));
  const std::uint64_t array = (shape.flags & kSetupNoArray) != 0 ? 0 : shape.array + std::uint64_t{4} * shape.requests;
  return ((results > array ? results : array) + 4095) / 4096 * 4096;
}
inline std::uint64_t entries_size(const RingShape& shape) noexcept {
  return ((static_cast<std::uint64_t>(shape.requests) << ((shape.flags & IORING_SETUP_SQE128) != 0 ? 7 : 6)) + 4095) / 4096 * 4096;
}

}  // namespace stasis::hijack
