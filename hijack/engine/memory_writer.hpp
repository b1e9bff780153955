// The content of the process's memory, into the image.
//
// World: hijack, leader, all threads parked.
#pragma once
#include "core/base/result.hpp"
#include "hijack/engine/image_writer.hpp"
#include "hijack/engine/memory_map.hpp"
#include "hijack/engine/page_scan.hpp"

namespace stasis::hijack {

class MemoryWriter {
 public:
  // `restless` is a page that the kernel may write to while we write: it is copied before its digest is made.
  MemoryWriter(ImageWriter& image, PageScan& scan, std::uint64_t restless) noexcept : image_(image), scan_(scan), restless_(restless) {}
  Status open(Arena& arena) noexcept;

  // Private memory: runs are added with their virtual addresses. Pages that are not there or hold only zeros are left out, where zero is what
  // the restorer's mapping holds.
  Status write_private(const Mapping& mapping, List<image::PageRun>& runs) noexcept;
  // One mapping of a shared object: runs are added with offsets in the object.
  Status write_shared(const Mapping& mapping, List<image::PageRun>& runs) noexcept;

 private:
  Status write_range(const AddressRange& range, std::uint64_t base, bool skip_zeros, List<image::PageRun>& runs) noexcept;
  Status write_unreadable(const AddressRange& range, std::uint64_t base, bool skip_zeros, List<image::PageRun>& runs) noexcept;
  Status add(const AddressRange& range, std::uint64_t base, List<image::PageRun>& runs) noexcept;

  static constexpr std::uint64_t kBuffer = 64u << 10;
  ImageWriter& image_;
  PageScan& scan_;
  std::uint64_t restless_;
  OwnedFd memory_;            // /proc/thread-self/mem: reads what its protection forbids, and fails where reading would be a SIGBUS
  char* buffer_ = nullptr;
  bool swap_in_use_ = false;
};

}  // namespace stasis::hijack
