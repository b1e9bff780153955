// The image: one file per process. docs/IMAGE_FORMAT.md and stasis-image(5) describe it for readers of other programs.
//
//   FileHeader | data area (page content and kept file content, page aligned) | sections | SectionEntry[] | Footer
//
// A section is either records of image/records.hpp, each preceded by its u32 length, or the table of page runs (fixed-size
// PageRun entries, so that the restorer can use it as it is). Everything is covered by a digest: page data by its PageRun, a section by
// its SectionEntry, the section table by the Footer, the header by the Footer's copy of its magic and build.
// Digests are XXH3-64. Written front to back by the process itself, under the name that the coordinator gave; an image counts
// only when a manifest names its length and digest.
// World: all. Little endian, x86-64, 4 KiB pages.
#pragma once
#include <cstdint>

namespace stasis::image {

inline constexpr std::uint64_t kMagic = 0x31'45'47'41'4d'49'54'53;        // "STIMAGE1"
inline constexpr std::uint64_t kFooterMagic = 0x31'52'45'54'4f'4f'46'53;  // "SFOOTER1"
inline constexpr std::uint32_t kFormatVersion = 1;
inline constexpr std::uint64_t kPage = 4096;
inline constexpr std::uint64_t kLargestRun = 4u << 20;  // a digest covers at most this much, so that reading can be checked piecewise

struct FileHeader {
  std::uint64_t magic = kMagic;
  std::uint32_t version = kFormatVersion;
  std::uint32_t header_size = sizeof(FileHeader);
  std::uint64_t generation = 0;
  std::int32_t pid = 0;
  std::uint32_t page_size = kPage;
  char computation[16] = {};  // id, 16 hex digits, not terminated
  char reserved[16] = {};
};
static_assert(sizeof(FileHeader) == 64);

enum class SectionId : std::uint32_t {
  process = 1,       // one ProcessRecord
  threads = 2,       // ThreadRecord, the main thread first if it has not ended
  mappings = 3,      // MappingRecord, ascending
  page_runs = 4,     // PageRun[], ascending by address within a mapping
  descriptors = 5,   // DescriptorRecord, ascending
  descriptions = 6,  // DescriptionRecord, one for each description that this process refers to
  shared_memory = 7, // SharedMemoryRecord, one for each object that this process refers to
  zombies = 8,       // ZombieRecord: children that have ended and wait to be waited for
  system_v = 10,     // SystemVRecord: semaphores, queues and memory
  undos = 11,        // SemaphoreUndoRecord of this process
  content_runs = 9,  // PageRun[]: content of files, shared memory and pipes; records refer to it by index
};

struct SectionEntry {
  std::uint32_t id = 0;       // SectionId
  std::uint32_t version = 1;  // of the section's records
  std::uint64_t offset = 0;   // in the file
  std::uint64_t length = 0;
  std::uint64_t digest = 0;   // XXH3-64 of the section's bytes
};
static_assert(sizeof(SectionEntry) == 32);

struct Footer {
  std::uint64_t table_offset = 0;
  std::uint32_t table_count = 0;
  std::uint32_t version = kFormatVersion;
  std::uint64_t table_digest = 0;  // XXH3-64 of the SectionEntry array; what Written and the manifest carry
  std::uint64_t file_length = 0;   // of the whole image, footer included: a truncated image is known at once
  std::uint64_t magic = kFooterMagic;
};
static_assert(sizeof(Footer) == 40);

enum class RunEncoding : std::uint16_t { raw = 0 };  // compressed chunks come as further values

// A stretch of content. In the section page_runs `address` is a virtual address; in content_runs it is an offset within the
// object that refers to the run (a file, a shared memory object, a pipe: see ContentRange in records.hpp).
struct PageRun {
  std::uint64_t address = 0;        // virtual address, or offset within the object
  std::uint64_t length = 0;         // bytes when decoded; for memory a multiple of the page size
  std::uint64_t offset = 0;         // in the image file
  std::uint64_t stored_length = 0;  // bytes in the file; equals length when raw
  std::uint64_t digest = 0;         // XXH3-64 of the stored bytes
  RunEncoding encoding = RunEncoding::raw;
  std::uint16_t base = 0;           // 0: this file; later: an image that this one builds on
  std::uint32_t reserved = 0;
};
static_assert(sizeof(PageRun) == 48);

}  // namespace stasis::image
