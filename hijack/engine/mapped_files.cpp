// Finding files that are only mapped, see mapped_files.hpp.
// World: hijack, leader.
#include "hijack/engine/mapped_files.hpp"

#include <unistd.h>

#include "hijack/rt/file.hpp"

namespace stasis::hijack {
namespace {

bool can_change_file(const image::MappingRecord& mapping) noexcept {
  const bool kernels = mapping.path.starts_with("/proc/") || mapping.path.starts_with("/sys/");
  return mapping.kind == image::MappingKind::file_shared && (mapping.flags & image::kMayWrite) != 0 && !kernels;
}

// What the process has of a file already.
struct Known {
  bool is_kept = false;   // open so that its content is kept anyway
  bool is_locked = false;  // a descriptor of ours, when it is closed, would take the locks away
  int readable = -1;
};

Known find_known(const image::MappingRecord& mapping, const List<Description>& descriptions) noexcept {
  Known known;
  for (const Description& one : descriptions) {
    if (one.record.device != mapping.device || one.record.inode != mapping.inode) continue;
    const std::uint32_t access = one.record.status_flags & O_ACCMODE;
    const bool path_only = (one.record.status_flags & O_PATH) != 0;
    known.is_kept |= !path_only && access != O_RDONLY && (one.record.status_flags & O_APPEND) == 0;
    known.is_locked |= one.locked_by_process;
    if (!path_only && access != O_WRONLY) known.readable = one.fd;
  }
  return known;
}

}  // namespace

Status add_mapped_files(const MemoryMap& map, Descriptors& all, BorrowedDescriptors& borrowed, Arena& arena) noexcept {
  for (const Mapping& mapping : map.mappings) {
    if (!can_change_file(mapping.record)) continue;
    const Known known = find_known(mapping.record, all.descriptions);
    if (known.is_kept || (known.is_locked && known.readable < 0)) continue;
    const std::string_view path = arena.copy(mapping.record.path);  // with a NUL
    if (path.empty()) return out_of_arena();
    if (sys::call(SYS_faccessat, AT_FDCWD, path.data(), R_OK | W_OK) < 0) continue;
    Description description;
    description.fd = known.readable;
    if (known.readable < 0) {
      OwnedFd file = open_file(path.data(), O_RDONLY | O_NONBLOCK);  // nobody's lease is waited for
      if (!file.ok()) continue;
      description.fd = file.release();
      if (!borrowed.take(description.fd)) return out_of_arena();
    }
    struct stat& status = description.status;
    if (sys::call(SYS_fstat, description.fd, &status) < 0 || status.st_ino != mapping.record.inode || status.st_dev != mapping.record.device) continue;
    description.only_mapped = true, description.locked_by_process = known.is_locked;
    image::DescriptionRecord& record = description.record;
    record.kind = image::DescriptionKind::regular_file;
    record.status_flags = O_RDWR;  // as what was closed
    record.device = status.st_dev, record.inode = status.st_ino, record.mode = status.st_mode;
    record.size = static_cast<std::uint64_t>(status.st_size);
    record.mtime_ns = mapping.record.file_mtime_ns;
    record.path = path;
    if (!all.descriptions.add(description) || !all.kinds.add(&kinds_detail::regular_file)) return out_of_arena();
  }
  return {};
}

}  // namespace stasis::hijack
