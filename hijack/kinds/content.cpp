// The content of a file that nobody may find again, see record_content in kind.hpp.
// World: hijack, leader.
#include <unistd.h>

#include "hijack/kinds/kind.hpp"

namespace stasis::hijack {
namespace {

// A descriptor of the same file that can be read: `fd`, or the file opened again by way of /proc if it was opened for writing only.
Result<OwnedFd> readable_copy(int fd) noexcept {
  FixedString<64> path("/proc/thread-self/fd/");
  path.append_signed(fd);
  OwnedFd copy = open_file(path.c_str(), O_RDONLY);
  if (!copy.ok()) return system_error("read a file again", copy.get());
  return copy;
}

}  // namespace

namespace {

// By the descriptor itself, whose offset must stay: bytes that are zero are taken for holes.
Status record_by_own(int fd, std::uint64_t size, Sink& sink) noexcept {
  char buffer[4096];
  for (std::uint64_t at = 0; at < size;) {
    const long got = sys::call(SYS_pread64, fd, buffer, size - at < sizeof buffer ? size - at : sizeof buffer, at);
    if (got < 0) return system_error("read a file's content", got);
    if (got == 0) break;
    bool zero = true;
    for (long i = 0; i != got && zero; ++i) zero = buffer[i] == 0;
    if (!zero) STASIS_TRY(sink.image.add_copy(sink.runs, at, buffer, static_cast<std::uint64_t>(got)));
    at += static_cast<std::uint64_t>(got);
  }
  return {};
}

Status record_by_copy(int fd, std::uint64_t size, Sink& sink) noexcept {
  STASIS_TRY_VALUE(const OwnedFd file, readable_copy(fd));
  char buffer[4096];
  for (std::uint64_t at = 0; at < size;) {
    const long data = sys::call(SYS_lseek, file.get(), at, SEEK_DATA);
    if (data == -ENXIO) break;  // only a hole is left
    if (data >= 0) at = static_cast<std::uint64_t>(data);
    const long hole = sys::call(SYS_lseek, file.get(), at, SEEK_HOLE);
    const std::uint64_t end = hole > 0 && static_cast<std::uint64_t>(hole) < size ? static_cast<std::uint64_t>(hole) : size;
    while (at < end) {
      const long got = sys::call(SYS_pread64, file.get(), buffer, end - at < sizeof buffer ? end - at : sizeof buffer, at);
      if (got < 0) return system_error("read a file's content", got);
      if (got == 0) break;
      STASIS_TRY(sink.image.add_copy(sink.runs, at, buffer, static_cast<std::uint64_t>(got)));
      at += static_cast<std::uint64_t>(got);
    }
    if (at < end) break;  // shorter than it was
  }
  return {};
}

}  // namespace

Status record_content(const Description& description, std::uint64_t size, image::ContentRange& range, Sink& sink) noexcept {
  const bool unreadable = (description.record.status_flags & O_ACCMODE) == O_WRONLY;
  if (description.locked_by_process && unreadable) return error(ErrorCode::unsupported, "a file without a name that is locked and open for writing only");
  range.first = sink.runs.size();
  range.present = true;
  STASIS_TRY(description.locked_by_process ? record_by_own(description.fd, size, sink) : record_by_copy(description.fd, size, sink));
  range.count = sink.runs.size() - range.first;
  return {};
}

}  // namespace stasis::hijack
