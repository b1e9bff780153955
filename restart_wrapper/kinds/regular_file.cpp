// Regular files.
//
// A file that was open for writing goes back to its length at the checkpoint: what the program wrote after it, it will write
// again. What is cut off is kept in the store, once a file. One whose old bytes were changed in place gets them back (changed_file.hpp). A file that was removed since is put back under its name from
// the copy in the image, with its directories if it was open or mapped for writing. A
// file without a name, or a small one that was only read and has changed, comes from the image as a file without a name, which can be given one (linkat) if it was made so. Nothing that is there is
// truncated by opening; a file that was opened by a name that it has lost, and has another, gets that name back for the moment of opening, where it is free.
// World: programs.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "core/image/states/regular_file.hpp"
#include "restart_wrapper/directories.hpp"
#include "restart_wrapper/kinds/changed_file.hpp"
#include "restart_wrapper/kinds/kind.hpp"
#include "restart_wrapper/other_name.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

bool is_written(const image::DescriptionRecord& record) { return (record.status_flags & O_ACCMODE) != O_RDONLY; }

// Whether the program can write where bytes are already.
bool may_be_changed(const image::DescriptionRecord& record) { return is_written(record) && (record.status_flags & O_APPEND) == 0; }

bool is_in_proc(const image::DescriptionRecord& record) { return record.path.starts_with("/proc/") || record.path.starts_with("/sys/"); }

std::uint64_t mtime_ns(const struct stat& status) {
  return static_cast<std::uint64_t>(status.st_mtim.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
}

enum class Origin {
  name,      // what is under the name
  put_back,  // nothing is there: the copy in the image goes there first
  changed,   // what is there was changed in place: the copy in the image goes there first
  image,     // the content in the image, as a file without a name
};

// All descriptions of one file, and where its bytes come from.
struct File {
  File(const Computation& computation, const std::vector<const Description*>& group) : descriptions(group) {
    const auto named = std::find_if(group.begin(), group.end(), [](const Description* one) { return !one->record.deleted; });
    const auto holder = std::find_if(group.begin(), group.end(), [](const Description* one) { return one->content != nullptr; });
    if (named != group.end()) shown = *named;  // one process may have found a name of the file that another did not
    if (holder != group.end()) copy = *holder;
    for (const auto& [id, memory] : computation.shared_memory)
      is_memory |= memory.record.mode != 0 && memory.record.inode == shown->record.inode && memory.record.device == shown->record.device;
    origin = find_origin();
  }
  const std::vector<const Description*>& descriptions;
  const Description* shown = descriptions.front();
  const Description* copy = nullptr;  // has the content
  Origin origin = Origin::name;
  bool is_memory = false;             // POSIX shared memory that is mapped, too: its bytes come with that (shared_memory.hpp)

  // The copy, under the name that leads to the file now.
  Description with_shown_name() const {
    Description one = *copy;
    one.record.path = shown->record.path;
    return one;
  }

 private:
  Origin find_origin() const {
    const image::DescriptionRecord& record = shown->record;
    if (record.deleted) return Origin::image;
    if (is_memory) return ::access(label(*shown).c_str(), F_OK) == 0 ? Origin::name : Origin::put_back;
    if (copy == nullptr || is_in_proc(record)) return Origin::name;
    const bool written = std::any_of(descriptions.begin(), descriptions.end(), [](const Description* one) { return is_written(one->record); });
    struct stat status{};
    if (::stat(label(*shown).c_str(), &status) == 0) {
      const bool same = static_cast<std::uint64_t>(status.st_size) == record.size && mtime_ns(status) == record.mtime_ns;
      if (!written) return same ? Origin::name : Origin::image;
      const bool changeable = std::any_of(descriptions.begin(), descriptions.end(), [](const Description* one) { return may_be_changed(one->record); });
      const Result<bool> changed = changeable && S_ISREG(status.st_mode) ? is_changed(with_shown_name()) : false;
      return changed && *changed ? Origin::changed : Origin::name;
    }
    if (errno != ENOENT) return Origin::name;
    const std::string directory = std::filesystem::path(label(*shown)).parent_path();
    const bool possible = written ? has_place(label(*shown)) : ::access(directory.c_str(), W_OK | X_OK) == 0;  // what is only read needs no name
    if (possible) return Origin::put_back;
    return written ? Origin::name : Origin::image;
  }
};

// A file that the program got open from its launcher and may not open itself: whoever restarts may have got it too. That descriptor of ours, -1 if
// there is none. Our descriptors are still open in the first process of the namespace.
int inherited(const image::DescriptionRecord& record) {
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", failure)) {
    const int fd = std::atoi(entry.path().filename().c_str());
    struct stat status{};
    if (::fstat(fd, &status) != 0 || status.st_dev != record.device || status.st_ino != record.inode) continue;
    const int flags = ::fcntl(fd, F_GETFL) & O_ACCMODE;
    if (flags == O_RDWR || flags == (static_cast<int>(record.status_flags) & O_ACCMODE)) return fd;
  }
  return -1;
}

Status check_name(const Description& description) {
  const image::DescriptionRecord& record = description.record;
  struct stat status{};
  if (::stat(label(description).c_str(), &status) != 0)
    return errno == ENOENT ? error(ErrorCode::file_missing, label(description)) : system_error("stat " + label(description), -errno);
  if (!S_ISREG(status.st_mode)) return error(ErrorCode::file_changed, label(description)).with("it is no regular file any more");
  if (is_written(record) && static_cast<std::uint64_t>(status.st_size) < record.size)
    return error(ErrorCode::file_changed, label(description)).with("it is shorter than at the checkpoint");
  const int access = !is_written(record) ? R_OK : (record.status_flags & O_ACCMODE) == O_WRONLY ? W_OK : R_OK | W_OK;
  if (::access(label(description).c_str(), access) == 0) return {};
  const int reason = errno;
  if (inherited(record) < 0) return system_error("access " + label(description), -reason);
  return {};
}

// One of which there is no copy, but a fingerprint.
Status check_large(const File& file) {
  for (const Description* one : file.descriptions) {
    if (file.copy != nullptr || one->record.deleted) continue;
    STASIS_TRY_VALUE(const bool changed, is_changed(*one));
    if (changed) return error(ErrorCode::file_changed, label(*one)).with("the program has changed it in place since the checkpoint, and it is larger than the copies that STASIS_KEEP_FILES lets be kept");
  }
  return {};
}

Status check(const Computation& computation, std::span<const Description* const> all) {
  for (const std::vector<const Description*>& group : by_object(all)) {
    const File file(computation, group);
    if (file.origin == Origin::image && file.copy == nullptr && file.shown->record.size != 0)
      return error(ErrorCode::file_missing, label(*file.shown)).with("the content of a deleted file is in no image");
    if (file.origin != Origin::name) continue;
    if (!file.is_memory) STASIS_TRY(check_large(file));
    for (const Description* one : group)
      if (!file.is_memory) STASIS_TRY(check_name(one->record.deleted ? *file.shown : *one));
  }
  return {};
}

// Keeps the bytes of `fd` beyond its length at the checkpoint in the store, then cuts them off.
Status cut(const Workshop& workshop, const Description& description, int fd) {
  const std::uint64_t length = description.record.size;
  STASIS_TRY(keep_in(workshop.cut_directory, description.record.inode, label(description), length));
  if (::ftruncate(fd, static_cast<off_t>(length)) != 0) return system_error("shorten " + label(description), -errno);
  return {};
}

Status open_by_name(Workshop& workshop, const Description& description) {
  const image::DescriptionRecord& record = description.record;
  UniqueFd fd(open_by_other_name(label(description), std::string(record.removed_name), open_flags(record)));
  if (!fd && (errno == EACCES || errno == EPERM)) {
    const int ours = inherited(record);
    if (ours >= 0) return workshop.put(record.id, ::fcntl(ours, F_DUPFD_CLOEXEC, 3));  // its offset and length are its owner's business
    errno = EACCES;
  }
  if (!fd) return system_error("open " + label(description), -errno);
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return system_error("stat " + label(description), -errno);
  const auto present = static_cast<std::uint64_t>(status.st_size);
  if (is_written(record) && S_ISREG(status.st_mode) && present > record.size) STASIS_TRY(cut(workshop, description, fd.get()));
  if (::lseek(fd.get(), static_cast<off_t>(record.offset), SEEK_SET) < 0) return system_error("seek in " + label(description), -errno);
  return workshop.put(record.id, fd.release());
}

// Whether it is the description by which the file was made without a name (O_TMPFILE has O_DIRECTORY's bit, too). There is one of a file at most.
bool made_it(const Description* description) { return S_ISREG(description->record.mode) && (description->record.status_flags & O_TMPFILE & ~O_DIRECTORY) != 0; }

// A file without a name, opened with `flags`, in the directory where it had one, or else where temporary files go.
Result<int> nameless_file(const std::string& path, int flags) {
  for (const std::string& directory : {std::filesystem::path(path).parent_path().string(), std::string("/tmp"), std::string("/dev/shm")}) {
    const int fd = ::open(directory.c_str(), O_TMPFILE | flags, 0600);
    if (fd >= 0) return fd;
  }
  return system_error("create a file without a name for " + path, -errno);
}

// Gives an empty file the length, bytes and mode of the one that `source` was a description of.
Status fill(const Description& source, int fd) {
  if (::fchmod(fd, source.record.mode & 07777) != 0) return system_error("set the mode of " + label(source), -errno);
  if (::ftruncate(fd, static_cast<off_t>(source.record.size)) != 0) return system_error("lengthen " + label(source), -errno);
  return write_content(source, fd);
}

Status put_back(const File& file) {
  const std::string path = label(*file.shown);
  image::RegularFile state;
  if (file.copy != nullptr && !file.copy->record.state.empty()) {
    STASIS_TRY_VALUE(state, state_of<image::RegularFile>(*file.copy));
  }
  STASIS_TRY(make_directories(path, state.directory_mode != 0 ? state.directory_mode : 0700));
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return system_error("put back " + path, -errno);
  STASIS_TRY(fill(file.copy != nullptr ? *file.copy : *file.shown, fd.get()));
  const std::uint64_t changed_ns = file.shown->record.mtime_ns;
  const timespec times[] = {{0, UTIME_OMIT}, {static_cast<time_t>(changed_ns / 1'000'000'000u), static_cast<long>(changed_ns % 1'000'000'000u)}};
  if (::futimens(fd.get(), times) != 0) return system_error("set the time of " + path, -errno);
  return {};
}

Status open_from_image(Workshop& workshop, const File& file) {
  const Description& source = file.copy == nullptr ? *file.shown : *file.copy;
  const auto maker = std::find_if(file.descriptions.begin(), file.descriptions.end(), made_it);
  const bool was_made_so = maker != file.descriptions.end();
  const int unlinkable = file.shown->record.deleted ? O_EXCL : 0;  // a file that has lost its name gets none (open(2))
  STASIS_TRY_VALUE(const int nameless, nameless_file(label(source), was_made_so ? open_flags((*maker)->record) : O_RDWR | O_CLOEXEC | unlinkable));
  UniqueFd first(nameless);
  STASIS_TRY_VALUE(const int writable, open_again(first.get(), O_RDWR));
  const UniqueFd fd(writable);
  STASIS_TRY(fill(source, fd.get()));
  for (const Description* one : file.descriptions) {
    STASIS_TRY_VALUE(const int again, made_it(one) ? Result<int>(first.release()) : open_again(fd.get(), open_flags(one->record)));
    if (::lseek(again, static_cast<off_t>(one->record.offset), SEEK_SET) < 0) return system_error("seek in " + label(*one), -errno);
    STASIS_TRY(workshop.put(one->record.id, again));
  }
  return {};
}

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  std::set<std::string> paths;
  for (const Description* one : all) paths.insert(label(*one));
  for (const std::vector<const Description*>& group : by_object(all)) {
    const File file(*workshop.computation, group);
    if (file.origin == Origin::image) {
      STASIS_TRY(open_from_image(workshop, file));
      continue;
    }
    if (file.origin == Origin::put_back) STASIS_TRY(put_back(file));
    if (file.origin == Origin::changed) STASIS_TRY(write_back(file.with_shown_name(), workshop.cut_directory));
    if (may_be_changed(file.shown->record)) STASIS_TRY(put_journals_away(label(*file.shown), paths, workshop.cut_directory));
    for (const Description* member : group) {
      Description one = *member;
      if (one.record.deleted) one.record.removed_name = std::exchange(one.record.path, file.shown->record.path);
      STASIS_TRY(open_by_name(workshop, one));
    }
  }
  return {};
}

}  // namespace

const Kind kinds_detail::regular_file{image::DescriptionKind::regular_file, check, recreate};

}  // namespace stasis::restart
