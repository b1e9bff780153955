// Recording this process: what it shares is told to the coordinator, and after the election everything goes into the image.
//
// World: hijack, leader, all threads parked.
#pragma once
#include "core/base/result.hpp"
#include "core/image/records.hpp"
#include "core/image/system_v.hpp"
#include "core/proto/messages.hpp"
#include "hijack/engine/descriptors.hpp"
#include "hijack/engine/image_writer.hpp"
#include "hijack/engine/memory_map.hpp"
#include "hijack/engine/other_name.hpp"
#include "hijack/engine/page_scan.hpp"

namespace stasis::hijack {

class MemoryWriter;

class Recorder {
 public:
  // `link` is the leader's connection: no descriptor of the program.
  Recorder(Arena& arena, const proto::Begin& begin, const AddressRange& scratch, int link) noexcept
      : arena_(arena), begin_(begin), scratch_(scratch), link_(link), image_(arena), borrowed_(arena) {}

  Result<proto::Inventory> take_inventory() noexcept;
  // What it has taken inventory of.
  Descriptors& descriptors() noexcept { return descriptors_; }
  // Writes the image that Begin names.
  Result<proto::Written> write(const proto::Elected& elected) noexcept;

 private:
  Status find_shared_memory() noexcept;
  Status find_system_v() noexcept;
  std::uint32_t extent_count(const image::SharedMemoryRecord& object) noexcept;
  Status write_unattached(MemoryWriter& memory, const image::SharedMemoryRecord& object) noexcept;
  Status find_mode(image::SharedMemoryRecord& object) noexcept;
  static void find_other_name(image::SharedMemoryRecord& object, OtherName& names) noexcept;
  Status accept(const proto::Elected& elected) noexcept;
  Status write_memory() noexcept;
  Status write_shared_memory(MemoryWriter& memory) noexcept;
  Status write_parts(MemoryWriter& memory, const Mapping& mapping, std::uint32_t extent, image::SharedMemoryRecord& object) noexcept;
  Status write_sections() noexcept;
  bool has_description_of(const image::SharedMemoryRecord& object, std::uint64_t& size) noexcept;

  Arena& arena_;
  const proto::Begin& begin_;
  AddressRange scratch_;
  int link_;
  ImageWriter image_;
  PageScan scan_;
  MemoryMap map_;
  BorrowedDescriptors borrowed_;
  Descriptors descriptors_;
  List<image::SharedMemoryRecord> shared_memory_;
  List<image::SystemVRecord> system_v_;
  List<proto::ElectedEntry> elected_;
  List<proto::SharedPart> parts_;
  List<image::ThreadRecord> threads_;
  List<image::PageRun> page_runs_, content_runs_;
};

}  // namespace stasis::hijack
