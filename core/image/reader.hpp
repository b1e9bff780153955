// Reading an image: everything but its page data is read, checked and held in memory when `Image::open` returns.
//
// Whoever uses an Image has seen its header, footer, section table and all sections hold; nothing later can find the metadata
// damaged. Page data stays in the file: it is checked run by run by whoever reads it (the restorer, `verify_data`,
// `read_content`). Sections are read with pread(2), never mapped, so that a bad disk is an error and not a SIGBUS.
// Ownership: text and sequences in records point into the Image and live as long as it does; an Image can be moved.
// World: programs.
#pragma once
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/image/format.hpp"
#include "core/image/records.hpp"
#include "core/image/system_v.hpp"

namespace stasis::image {

// The name of a section as people see it, "unknown" for ids of a newer writer.
std::string_view section_name(std::uint32_t id) noexcept;

// XXH3-64, the digest of all that is in an image.
std::uint64_t digest(const void* bytes, std::size_t count) noexcept;

class Image {
 public:
  Image() noexcept;
  Image(Image&&) noexcept;
  Image& operator=(Image&&) noexcept;
  ~Image();

  // Opens and checks `path`. Errors, each with the path: not_an_image, image_version, image_truncated, image_damaged (naming
  // the section), system (the file cannot be opened or read).
  static Result<Image> open(const std::string& path);

  const std::string& path() const noexcept;
  int fd() const noexcept;  // open for reading; the Image's own
  const FileHeader& header() const noexcept;
  const Footer& footer() const noexcept;
  std::span<const SectionEntry> sections() const noexcept;

  const ProcessRecord& process() const noexcept;
  const std::vector<ThreadRecord>& threads() const noexcept;
  const std::vector<MappingRecord>& mappings() const noexcept;
  const std::vector<DescriptorRecord>& descriptors() const noexcept;
  const std::vector<DescriptionRecord>& descriptions() const noexcept;
  const std::vector<SharedMemoryRecord>& shared_memory() const noexcept;
  const std::vector<ZombieRecord>& zombies() const noexcept;
  const std::vector<SystemVRecord>& system_v() const noexcept;
  const std::vector<SemaphoreUndoRecord>& undos() const noexcept;
  std::span<const PageRun> page_runs() const noexcept;
  std::span<const PageRun> content_runs() const noexcept;

  // The runs of a ContentRange; empty when the content is not here.
  std::span<const PageRun> runs_of(const ContentRange& range) const noexcept;

  // Reads the runs of `range` in order, checks each, and gives it to `sink(offset within the object, bytes)`. The sink's error ends it.
  // Errors: image_damaged naming the place, system.
  Status read_content(const ContentRange& range, const std::function<Status(std::uint64_t, std::string_view)>& sink) const;

  // Reads and checks every byte of page data and kept content.
  Status verify_data() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stasis::image
