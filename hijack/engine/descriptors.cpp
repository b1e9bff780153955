// Listing descriptors, see descriptors.hpp.
// World: hijack, leader.
#include "hijack/engine/descriptors.hpp"

#include <linux/kcmp.h>

#include "hijack/engine/file_locks.hpp"
#include "hijack/engine/other_name.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/kinds/queue_refill.hpp"
#include "hijack/kinds/socket_diag.hpp"
#include "hijack/rt/fault.hpp"
#include "hijack/rt/text.hpp"
#include "hijack/virt/ids.hpp"

namespace stasis::hijack {
namespace {

constexpr std::string_view kDeleted = " (deleted)";

// /proc/PID and what is below it: at a restart there is no such process yet when most descriptions are made.
bool is_of_a_process(std::string_view path) noexcept {
  constexpr std::string_view kProc = "/proc/";
  return path.starts_with(kProc) && path.size() > kProc.size() && path[kProc.size()] >= '0' && path[kProc.size()] <= '9';
}

Error refused(const Description& description) noexcept {
  FixedString<320> detail("descriptor ");
  detail.append_signed(description.fd).append(": ");
  const std::string_view path = description.record.path;
  const auto is = [&](std::string_view name) { return path.find(name) != std::string_view::npos; };
  if (S_ISSOCK(description.status.st_mode)) detail.append("a socket that is neither UNIX nor TCP, UDP or netlink for routes");
  else if (is("[io_uring]")) detail.append("an io_uring that was made neither through liburing nor the C library's syscall(), or that a child has from its parent");
  else if (is("[pidfd]")) detail.append("a process descriptor, in flight or of a process outside the computation");
  else if (is_of_a_process(path)) detail.append("a file of a process, in flight, outside the computation, of a thread, or opened as a path");
  else if (is("/dev/pts/") || is("/ptmx")) detail.append("a pseudo-terminal whose other end is outside the computation");
  else if (S_ISCHR(description.status.st_mode)) detail.append("a device");
  else detail.append("a kind of descriptor that Stasis does not know");
  detail.append(" (").append(path).append(")");
  return error(ErrorCode::unsupported, detail);
}

class Lister {
 public:
  Lister(Arena& arena, int own, BorrowedDescriptors& borrowed) noexcept : arena_(arena), own_(own), borrowed_(borrowed) {
    all_.descriptors = List<image::DescriptorRecord>(arena);
    all_.descriptions = List<Description>(arena);
    all_.kinds = List<const Kind*>(arena);
    thread_ = static_cast<std::int32_t>(sys::call(SYS_gettid));
  }

  Result<Descriptors> run() noexcept {
    STASIS_TRY(fault(Fault::inventory_scan));
    const OwnedFd directory = open_file("/proc/thread-self/fd", O_RDONLY | O_DIRECTORY);
    if (!directory.ok()) return system_error("open /proc/thread-self/fd", directory.get());
    STASIS_TRY(for_each_entry(directory.get(), [&](std::string_view name) -> Status {
      const auto fd = static_cast<int>(Text(name).number());
      return fd == own_ || fd == directory.get() ? Status() : visit(fd);
    }));
    // A socket in flight may have descriptors in flight in its own queue: the list grows while it is gone through.
    for (std::uint32_t i = 0; i != all_.descriptions.size(); ++i)
      if (all_.descriptions[i].record.kind == image::DescriptionKind::socket) {
        STASIS_TRY(find_in_flight(i));
        if (settings.refuses_outside) STASIS_TRY(find_peer_of(i));
        STASIS_TRY_VALUE(all_.descriptions[i].other_end, end_to_refill_from(all_.descriptions[i].fd, arena_));
      }
    spread_locks();
    OtherName names(arena_, all_.descriptions);
    for (Description& description : all_.descriptions) find_other_name(description, names);
    return all_;
  }

 private:
  Status visit(int fd) noexcept {
    Description description;
    description.fd = fd;
    STASIS_TRY(look(description));
    STASIS_TRY_VALUE(const std::uint32_t index, index_of(description));
    image::DescriptorRecord record;
    record.fd = fd;
    record.close_on_exec = (sys::call(SYS_fcntl, fd, F_GETFD) & FD_CLOEXEC) != 0;
    record.description = index;
    if (S_ISREG(description.status.st_mode) || S_ISDIR(description.status.st_mode)) STASIS_TRY(find_locks(record, index));
    return all_.descriptors.add(record) ? Status() : Status(out_of_arena());
  }

  Status find_locks(image::DescriptorRecord& descriptor, std::uint32_t index) noexcept {
    STASIS_TRY_VALUE(const FileLocks locks, read_locks(descriptor.fd, arena_));
    descriptor.locks = {locks.of_process.begin(), locks.of_process.size()};
    all_.descriptions[index].record.locks = {locks.of_description.begin(), locks.of_description.size()};
    all_.descriptions[index].locked_by_process |= !locks.of_process.empty();
    return {};
  }

  // Locks of the process are on the file, not on one of its descriptions.
  void spread_locks() noexcept {
    for (const Description& locked : all_.descriptions)
      for (Description& other : all_.descriptions)
        if (locked.locked_by_process && other.record.inode == locked.record.inode && other.record.device == locked.record.device) other.locked_by_process = true;
  }

  Status find_in_flight(std::uint32_t socket) noexcept {
    all_.descriptions[socket].in_flight = List<InFlight>(arena_);
    std::uint32_t next = borrowed_.size();
    if (const Status status = borrowed_.borrow(all_.descriptions[socket].fd, arena_); !status.ok()) return status.error().with(FixedString<64>("descriptor ").append_signed(all_.descriptions[socket].fd));
    for (; next != borrowed_.size(); ++next) {
      Description description;
      description.fd = borrowed_[next].fd;
      STASIS_TRY(look(description));
      STASIS_TRY_VALUE(const std::uint32_t index, index_of(description));
      if (description.record.kind == image::DescriptionKind::process || description.record.kind == image::DescriptionKind::process_file) return refused(description);  // cannot be made before its process
      if (description.record.kind == image::DescriptionKind::ring) return error(ErrorCode::unsupported, "an io_uring in flight in a UNIX socket");
      if (!all_.descriptions[socket].in_flight.add({borrowed_[next].message, index})) return out_of_arena();
    }
    return {};
  }

  Status find_peer_of(std::uint32_t socket) noexcept {
    Description& description = all_.descriptions[socket];
    STASIS_TRY_VALUE(const Peer peer, find_peer(description.fd, description.record.inode, arena_));
    description.must_be_inside = peer.is_there, description.peer = peer.inode;
    return {};
  }

  // What can be said of any descriptor.
  Status look(Description& description) noexcept {
    const int fd = description.fd;
    struct stat& status = description.status;
    if (const long result = sys::call(SYS_fstat, fd, &status); result < 0) return system_error("fstat", result);
    FixedString<64> link("/proc/thread-self/fd/");
    link.append_signed(fd);
    image::DescriptionRecord& record = description.record;
    record.path = read_link(link.c_str(), arena_);
    record.status_flags = static_cast<std::uint32_t>(sys::call(SYS_fcntl, fd, F_GETFL)) & ~0100000u;  // O_LARGEFILE
    const long offset = (record.status_flags & O_PATH) != 0 ? 0 : sys::call(SYS_lseek, fd, 0, SEEK_CUR);
    record.offset = offset > 0 ? static_cast<std::uint64_t>(offset) : 0;
    record.device = status.st_dev, record.inode = status.st_ino, record.mode = status.st_mode;
    record.size = static_cast<std::uint64_t>(status.st_size);
    record.mtime_ns = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
    find_deleted(record, status);
    return {};
  }

  // Whether the path still leads to the object.
  static void find_deleted(image::DescriptionRecord& record, const struct stat& status) noexcept {
    if (!record.path.starts_with("/") || record.path.starts_with("/memfd:")) return;
    struct stat named{};
    const long result = sys::call(SYS_newfstatat, AT_FDCWD, record.path.data(), &named, 0);
    if (result == 0 && named.st_ino == status.st_ino && named.st_dev == status.st_dev) return;
    if (result == -EACCES) return;  // a directory on the way is closed to us, which says nothing of the name
    const bool regular = S_ISREG(status.st_mode);  // /dev/shm holds files like any other
    if (record.path.starts_with("/proc/") || (record.path.starts_with("/dev/") && !regular)) return;  // mounted otherwise in another namespace
    record.deleted = true;
    if (record.path.ends_with(kDeleted)) record.path.remove_suffix(kDeleted.size());
  }

  // A file that has lost its name but has another stays where it is.
  static void find_other_name(Description& description, OtherName& names) noexcept {
    image::DescriptionRecord& record = description.record;
    if (record.kind != image::DescriptionKind::regular_file || !record.deleted || description.status.st_nlink == 0) return;
    const std::string_view name = names.find(description);
    if (name.empty()) return;
    record.removed_name = record.path;
    record.path = name;
    record.deleted = false;
  }

  // The index of the description, new or known. Only descriptors that agree in all that is shared can be duplicates of each other.
  Result<std::uint32_t> index_of(Description& description) noexcept {
    const image::DescriptionRecord& record = description.record;
    for (std::uint32_t i = all_.descriptions.size(); i-- != 0;) {
      const image::DescriptionRecord& known = all_.descriptions[i].record;
      if (known.inode != record.inode || known.device != record.device || known.status_flags != record.status_flags || known.offset != record.offset) continue;
      const long order = sys::call(SYS_kcmp, thread_, thread_, KCMP_FILE, all_.descriptions[i].fd, description.fd);
      if (order < 0) return system_error("kcmp", order);
      if (order == 0) return i;
    }
    const Kind* kind = find_kind(description);
    const bool comes_late = description.record.kind == image::DescriptionKind::process_file;
    if (kind == nullptr || (is_of_a_process(record.path) && !comes_late)) return refused(description);
    if ((record.status_flags & O_PATH) == 0) {
      description.record.owner = programs_owner(static_cast<std::int32_t>(sys::call(SYS_fcntl, description.fd, F_GETOWN)));
      description.record.owner_signal = static_cast<std::uint32_t>(sys::call(SYS_fcntl, description.fd, 11 /* F_GETSIG */));
    }
    if (!all_.descriptions.add(description) || !all_.kinds.add(kind)) return out_of_arena();
    return all_.descriptions.size() - 1;
  }

  Arena& arena_;
  int own_;
  BorrowedDescriptors& borrowed_;
  std::int32_t thread_ = 0;
  Descriptors all_;
};

}  // namespace

Result<Descriptors> list_descriptors(Arena& arena, int own, BorrowedDescriptors& borrowed) noexcept { return Lister(arena, own, borrowed).run(); }

Status record_descriptions(Descriptors& all, const List<proto::ElectedEntry>& elected, Sink& sink) noexcept {
  for (std::uint32_t i = 0; i != all.descriptions.size(); ++i) {
    Description& description = all.descriptions[i];
    description.record.id = elected[i].id;
    description.record.recorder = elected[i].recorder;
    for (InFlight& one : description.in_flight) one.description = elected[static_cast<std::uint32_t>(one.description)].id;
  }
  for (std::uint32_t i = 0; i != all.descriptions.size(); ++i) {
    Description& description = all.descriptions[i];
    // A count is no content: every image tells it. And no holder of an epoll set need have all that is in it.
    const bool by_all = description.record.kind == image::DescriptionKind::event_counter || description.record.kind == image::DescriptionKind::event_set;
    if (all.kinds[i]->record == nullptr || !(elected[i].recorder || by_all)) continue;
    if (const Status status = all.kinds[i]->record(description, sink); !status.ok())
      return status.error().with(FixedString<64>("descriptor ").append_signed(description.fd));
  }
  for (image::DescriptorRecord& descriptor : all.descriptors) descriptor.description = all.descriptions[static_cast<std::uint32_t>(descriptor.description)].record.id;
  return {};
}

}  // namespace stasis::hijack
