// Pipes, with or without a name, and their unread bytes.
//
// tee(2) copies the bytes into a pipe of ours without taking them out. The reading end records them: a pipe whose reading end is not in the
// computation has bytes that are not ours.
// World: hijack, leader.
#include <sys/ioctl.h>

#include "hijack/kinds/kind.hpp"

namespace stasis::hijack {
namespace {

bool recognise_pipe(Description& description) noexcept {
  if (!S_ISFIFO(description.status.st_mode)) return false;
  description.record.kind = image::DescriptionKind::pipe;
  const long capacity = sys::call(SYS_fcntl, description.fd, F_GETPIPE_SZ);
  description.record.capacity = capacity > 0 ? static_cast<std::uint32_t>(capacity) : 0;
  return true;
}

bool recognise_fifo(Description& description) noexcept {
  if (description.record.path.starts_with("pipe:") || description.record.deleted || !recognise_pipe(description)) return false;
  description.record.kind = image::DescriptionKind::fifo;
  return true;
}

Status copy_bytes(int source, std::uint64_t unread, std::uint32_t capacity, image::ContentRange& range, Sink& sink) noexcept {
  int ends[2];
  if (const long result = sys::call(SYS_pipe2, ends, O_CLOEXEC | O_NONBLOCK); result < 0) return system_error("make a pipe", result);
  const OwnedFd reading(ends[0]), writing(ends[1]);
  // As many slots as the source has, or not all of its pieces would fit.
  if (const long result = sys::call(SYS_fcntl, writing.get(), F_SETPIPE_SZ, capacity); result < 0) return system_error("set the size of a pipe", result);
  const long copied = sys::call(SYS_tee, source, writing.get(), unread, SPLICE_F_NONBLOCK);
  if (copied != static_cast<long>(unread)) return system_error("copy the unread bytes of a pipe", copied < 0 ? copied : -EAGAIN);
  char buffer[4096];
  for (std::uint64_t at = 0; at < unread;) {
    const long got = sys::call(SYS_read, reading.get(), buffer, sizeof buffer);
    if (got <= 0) return system_error("read the copy of a pipe", got);
    STASIS_TRY(sink.image.add_copy(sink.runs, at, buffer, static_cast<std::uint64_t>(got)));
    at += static_cast<std::uint64_t>(got);
  }
  range.count = sink.runs.size() - range.first;
  return {};
}

Status record(Description& description, Sink& sink) noexcept {
  image::DescriptionRecord& record = description.record;
  if ((record.status_flags & O_ACCMODE) == O_WRONLY) return {};
  int unread = 0;
  if (const long result = sys::call(SYS_ioctl, description.fd, FIONREAD, &unread); result < 0) return system_error("FIONREAD", result);
  record.content.first = sink.runs.size();
  record.content.present = true;
  return unread == 0 ? Status() : copy_bytes(description.fd, static_cast<std::uint64_t>(unread), record.capacity, record.content, sink);
}

}  // namespace

const Kind kinds_detail::fifo{recognise_fifo, record};
const Kind kinds_detail::pipe{recognise_pipe, record};

}  // namespace stasis::hijack
