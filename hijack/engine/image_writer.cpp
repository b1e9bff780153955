// Writing images, see image_writer.hpp.
// World: hijack, leader.
#include "hijack/engine/image_writer.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

#include "hijack/engine/lifted_limit.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/rt/fault.hpp"
#include "hijack/virt/ids.hpp"

#define XXH_INLINE_ALL
#define XXH_NO_STREAM
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <xxhash.h>
#pragma GCC diagnostic pop

namespace stasis::hijack {
namespace {

// Where the hard limit of file sizes is too small for us, too, the signal that the kernel sends for that must not
// reach the program (setrlimit(2), RLIMIT_FSIZE): the leader has all signals blocked, so it is pending for this thread.
class FileSizeRoom {
 public:
  FileSizeRoom() noexcept : limit_(RLIMIT_FSIZE), was_pending_(is_pending()) {}
  FileSizeRoom(const FileSizeRoom&) = delete;
  ~FileSizeRoom() {
    const timespec none{};
    if (!was_pending_ && is_pending()) sys::call(SYS_rt_sigtimedwait, &kSignal, nullptr, &none, sizeof kSignal);
  }

 private:
  static constexpr std::uint64_t kSignal = std::uint64_t{1} << (SIGXFSZ - 1);
  static bool is_pending() noexcept {
    std::uint64_t pending = 0;
    sys::call(SYS_rt_sigpending, &pending, sizeof pending);
    return (pending & kSignal) != 0;
  }
  LiftedLimit limit_;
  bool was_pending_;
};

}  // namespace

Status ImageWriter::create(std::string_view path, std::uint64_t generation) noexcept {
  STASIS_TRY(fault(Fault::record_open));
  const std::string_view name = arena_.copy(path);
  staging_ = static_cast<char*>(arena_.take(kStaging));
  if (staging_ == nullptr || name.empty()) return out_of_arena();
  file_ = open_file(name.data(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (!file_.ok()) return system_error(FixedString<320>("create ").append(path), file_.get());
  sys::call(SYS_fchmod, file_.get(), 0600);  // the program's umask may forbid even that
  image::FileHeader header;
  header.generation = generation;
  header.pid = programs_id(static_cast<std::int32_t>(sys::call(SYS_getpid)));
  std::memcpy(header.computation, settings.computation.c_str(), settings.computation.size());
  std::memcpy(staging_, &header, sizeof header);
  staged_ = sizeof header;
  return align();
}

Status ImageWriter::put(const char* bytes, std::uint64_t length) noexcept {
  STASIS_TRY(fault(Fault::image_write));
  const FileSizeRoom lifted;
  if (const long result = write_all(file_.get(), bytes, length); result < 0) return system_error("write the image", result);
  written_ += length;
  return {};
}

Status ImageWriter::flush() noexcept {
  const std::uint64_t length = staged_;
  staged_ = 0;
  return length == 0 ? Status() : put(staging_, length);
}

Status ImageWriter::align() noexcept {
  const std::uint64_t beyond = (written_ + staged_) % image::kPage;
  if (beyond == 0) return {};
  if (kStaging - staged_ < image::kPage) STASIS_TRY(flush());
  std::memset(staging_ + staged_, 0, image::kPage - beyond);
  staged_ += image::kPage - beyond;
  return {};
}

Status ImageWriter::add_memory(List<image::PageRun>& runs, std::uint64_t address, const char* source, std::uint64_t length) noexcept {
  constexpr std::uint64_t kSmall = 256u << 10;
  while (length != 0) {
    const std::uint64_t piece = length < image::kLargestRun ? length : image::kLargestRun;
    if (piece <= kSmall) {
      STASIS_TRY(add_copy(runs, address, source, piece));
    } else {
      STASIS_TRY(align());
      STASIS_TRY(flush());
      image::PageRun run;
      run.address = address, run.length = run.stored_length = piece, run.offset = written_;
      run.digest = XXH3_64bits(source, piece);
      if (!runs.add(run)) return out_of_arena();
      STASIS_TRY(put(source, piece));
    }
    address += piece, source += piece, length -= piece;
  }
  return {};
}

Status ImageWriter::add_copy(List<image::PageRun>& runs, std::uint64_t address, const char* source, std::uint64_t length) noexcept {
  while (length != 0) {
    STASIS_TRY(align());
    if (kStaging - staged_ < image::kPage || kStaging - staged_ < (length < kStaging ? length : kStaging)) STASIS_TRY(flush());
    const std::uint64_t piece = length < kStaging - staged_ ? length : kStaging - staged_;
    std::memcpy(staging_ + staged_, source, piece);
    image::PageRun run;
    run.address = address, run.length = run.stored_length = piece, run.offset = written_ + staged_;
    run.digest = XXH3_64bits(staging_ + staged_, piece);
    if (!runs.add(run)) return out_of_arena();
    staged_ += piece;
    address += piece, source += piece, length -= piece;
  }
  return {};
}

Status ImageWriter::end_data() noexcept {
  STASIS_TRY(align());
  return flush();
}

Status ImageWriter::add_section(image::SectionId id, const char* bytes, std::uint64_t length) noexcept {
  image::SectionEntry entry;
  entry.id = static_cast<std::uint32_t>(id);
  entry.offset = written_, entry.length = length;
  entry.digest = XXH3_64bits(bytes, length);
  if (!sections_.add(entry)) return out_of_arena();
  return length == 0 ? Status() : put(bytes, length);
}

Result<ImageWriter::Done> ImageWriter::finish() noexcept {
  image::Footer footer;
  footer.table_offset = written_;
  footer.table_count = sections_.size();
  const std::uint64_t table = sections_.size() * sizeof(image::SectionEntry);
  footer.table_digest = XXH3_64bits(sections_.begin(), table);
  footer.file_length = written_ + table + sizeof footer;
  STASIS_TRY(put(reinterpret_cast<const char*>(sections_.begin()), table));
  STASIS_TRY(put(reinterpret_cast<const char*>(&footer), sizeof footer));
  STASIS_TRY(fault(Fault::image_close));
  if (const long result = sys::call(SYS_close, file_.release()); result < 0) return system_error("close the image", result);
  return Done{footer.file_length, footer.table_digest};
}

}  // namespace stasis::hijack
