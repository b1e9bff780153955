// Regular files.
//
// A file with a name stays where it is. If it is open for writing its bytes must be durable when the generation is committed, so that a loss of power
// cannot make it shorter than the length that is recorded: the coordinator sees to it while the program runs (coordinator/written_files.hpp). Only
// what nobody can open by its name is synced here, where everybody waits. A file without a name is kept whole; one that has a name which was not found
// (engine/other_name.hpp) is refused if it is open for writing. Of a small file a copy is kept, should it go: what the program does between the checkpoint and its end it
// will do again, and that includes removing its temporary files. Of a file that the program can change in place (a database) a copy is kept up to a size that the
// user sets (STASIS_KEEP_FILES), and of larger ones a fingerprint, so that a restart notices.
// World: hijack, leader.
#include "core/image/file_fingerprint.hpp"
#include "core/image/states/regular_file.hpp"
#include "hijack/kinds/kind.hpp"
#include "hijack/rt/file.hpp"

namespace stasis::hijack {
namespace {

constexpr std::uint64_t kSmall = 1u << 20;

bool may(const image::DescriptionRecord& record, long access) noexcept { return sys::call(SYS_faccessat, AT_FDCWD, record.path.data(), access) == 0; }

Status make_durable(const Description& description) noexcept {
  if (may(description.record, R_OK) || may(description.record, W_OK)) return {};  // the coordinator can
  const long result = sys::call(SYS_fdatasync, description.fd);
  if (result < 0 && result != -EINVAL) return system_error(FixedString<320>("fdatasync ").append(description.record.path), result);
  return {};
}

// Whether the program can write where bytes are already. (It may also have mapped the file, which takes a descriptor like that.)
bool may_be_changed(const image::DescriptionRecord& record) noexcept {
  return (record.status_flags & O_ACCMODE) != O_RDONLY && (record.status_flags & O_APPEND) == 0;
}

// Permissions of the directory that the file is in, 0 if they cannot be known.
std::uint32_t directory_mode(std::string_view path) noexcept {
  struct stat status{};
  const Path directory(path.substr(0, path.rfind('/')));
  return sys::call(SYS_newfstatat, AT_FDCWD, directory.c_str(), &status, 0) < 0 ? 0 : status.st_mode & 07777;
}

// Its bytes, or if they are too many a fingerprint.
Status keep_changeable(Description& description, Sink& sink) noexcept {
  image::DescriptionRecord& record = description.record;
  image::RegularFile state;
  state.directory_mode = directory_mode(record.path);
  const bool unreadable = (record.status_flags & O_ACCMODE) == O_WRONLY;
  if (unreadable && (description.locked_by_process || !may(record, R_OK))) return {};  // cannot be read, or not without losing the lock
  if (record.size <= sink.changeable_left) {
    sink.changeable_left -= record.size;
    STASIS_TRY(set_state(description, sink.arena, state));
    return record_content(description, record.size, record.content, sink);
  }
  const OwnedFd again = unreadable ? open_file(record.path.data(), O_RDONLY) : OwnedFd();
  const int fd = unreadable ? again.get() : description.fd;
  state.has_fingerprint = image::fingerprint(record.size, state.fingerprint, [&](std::uint64_t offset, char* buffer, std::size_t length) {
    return sys::call(SYS_pread64, fd, buffer, length, offset) == static_cast<long>(length);
  });
  return set_state(description, sink.arena, state);
}

Status keep_copy(Description& description, Sink& sink) noexcept {
  image::DescriptionRecord& record = description.record;
  if (record.size > kSmall || record.size > sink.copies_left || !may(record, R_OK)) return {};
  if (description.locked_by_process && (record.status_flags & O_ACCMODE) == O_WRONLY) return {};
  sink.copies_left -= record.size;
  return record_content(description, record.size, record.content, sink);
}

bool recognise(Description& description) noexcept {
  if (!S_ISREG(description.status.st_mode)) return false;
  description.record.kind = image::DescriptionKind::regular_file;
  return true;
}

Status record(Description& description, Sink& sink) noexcept {
  image::DescriptionRecord& record = description.record;
  const bool kernels = record.path.starts_with("/proc/") || record.path.starts_with("/sys/");
  const bool written = (record.status_flags & O_ACCMODE) != O_RDONLY;
  if (record.deleted && written && description.status.st_nlink != 0)  // bytes written later would not reach the other name
    return error(ErrorCode::unsupported, FixedString<320>("a file whose name was removed and whose other name was not found: ").append(record.path));
  if (record.deleted) return record_content(description, record.size, record.content, sink);
  if (kernels) return {};
  if (written) STASIS_TRY(make_durable(description));
  return may_be_changed(record) ? keep_changeable(description, sink) : keep_copy(description, sink);
}

}  // namespace

const Kind kinds_detail::regular_file{recognise, record};

}  // namespace stasis::hijack
