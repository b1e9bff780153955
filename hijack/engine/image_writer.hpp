// The image file, front to back: data, sections, table, footer (core/image/format.hpp).
//
// Large stretches go to the file straight from memory, small ones are gathered in a staging buffer, for a write for each page would cost more than
// the pages. Every run gets its digest from the bytes that are written.
// World: hijack, leader, all threads parked.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/base/result.hpp"
#include "core/codec/codec.hpp"
#include "core/image/format.hpp"
#include "hijack/rt/arena.hpp"
#include "hijack/rt/file.hpp"

namespace stasis::hijack {

class ImageWriter {
 public:
  explicit ImageWriter(Arena& arena) noexcept : arena_(arena), sections_(arena) {}

  // Creates the file, which must not exist, and writes its header.
  Status create(std::string_view path, std::uint64_t generation) noexcept;

  // Appends the bytes at `source` as one run or several of at most kLargestRun; the runs are added to `runs` with `address` on.
  Status add_memory(List<image::PageRun>& runs, std::uint64_t address, const char* source, std::uint64_t length) noexcept;
  // The same for small pieces, whose bytes are copied before the call returns.
  Status add_copy(List<image::PageRun>& runs, std::uint64_t address, const char* source, std::uint64_t length) noexcept;

  // All data is written: what follows are sections.
  Status end_data() noexcept;
  Status add_section(image::SectionId id, const char* bytes, std::uint64_t length) noexcept;
  template <class Record>
  Status add_records(image::SectionId id, const Record* records, std::uint32_t count) noexcept {
    std::uint64_t size = 0;
    for (std::uint32_t i = 0; i != count; ++i) size += 4 + encoded_size(records[i]);
    char* place = static_cast<char*>(arena_.take(size));
    if (place == nullptr) return out_of_arena();
    std::uint64_t at = 0;
    for (std::uint32_t i = 0; i != count; ++i) {
      Writer writer(place + at + 4, size - at - 4);
      writer.record(records[i]);
      const auto length = static_cast<std::uint32_t>(writer.size());
      std::memcpy(place + at, &length, sizeof length);
      at += 4 + length;
    }
    return add_section(id, place, size);
  }

  struct Done {
    std::uint64_t bytes = 0;
    std::uint64_t digest = 0;
  };
  Result<Done> finish() noexcept;

 private:
  Status put(const char* bytes, std::uint64_t length) noexcept;  // at the end of the file
  Status flush() noexcept;
  Status align() noexcept;                                       // data begins on page boundaries

  static constexpr std::uint64_t kStaging = 1u << 20;
  Arena& arena_;
  OwnedFd file_;
  char* staging_ = nullptr;
  std::uint64_t staged_ = 0;
  std::uint64_t written_ = 0;  // of the file, without what is staged
  List<image::SectionEntry> sections_;
};

}  // namespace stasis::hijack
