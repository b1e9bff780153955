// Looking for a file's other name, see other_name.hpp.
// World: hijack, leader.
#include "hijack/engine/other_name.hpp"

#include "hijack/rt/file.hpp"

namespace stasis::hijack {
namespace {

bool is_same(const struct stat& one, const struct stat& other) noexcept { return one.st_ino == other.st_ino && one.st_dev == other.st_dev; }

// The directory in which a description has its file, or that it is itself; empty if it has none.
std::string_view directory_of(const Description& description) noexcept {
  const std::string_view path = description.record.path;
  if (!path.starts_with("/") || path.starts_with("/memfd:") || path.starts_with("/proc/")) return {};
  if (S_ISDIR(description.status.st_mode)) return path;
  return path.substr(0, path.rfind('/') == 0 ? 1 : path.rfind('/'));
}

}  // namespace

std::string_view OtherName::find(const Description& file) noexcept {
  for (const Description& other : descriptions_)
    if (!other.record.deleted && is_same(other.status, file.status)) return other.record.path;
  return look_everywhere(file);
}

std::string_view OtherName::look_everywhere(const Description& file) noexcept {
  List<std::string_view> seen(arena_);
  std::string_view found;
  const auto look_once = [&](std::string_view directory) {
    if (directory.empty() || !found.empty() || seen.size() == kMostDirectories) return;
    for (const std::string_view other : seen)
      if (other == directory) return;
    if (seen.add(directory)) found = look_in(directory, file);
  };
  Path working;
  look_once(directory_of(file));
  look_once(read_link("/proc/thread-self/cwd", working));
  for (const Description& other : descriptions_) look_once(directory_of(other));
  return found;
}

std::string_view OtherName::look_in(std::string_view directory, const Description& file) noexcept {
  const std::string_view path = arena_.copy(directory);  // with a NUL
  const OwnedFd opened = open_file(path.data(), O_RDONLY | O_DIRECTORY);
  if (path.empty() || !opened.ok()) return {};
  FixedString<255> found;
  // Its error only ends the walk.
  [[maybe_unused]] const Status walked = for_each_entry(opened.get(), [&](std::string_view name, std::uint64_t inode) -> Status {
    if (entries_left_ == 0) return error(ErrorCode::abandoned, "enough was looked at");
    --entries_left_;
    struct stat status{};
    if (inode != file.status.st_ino) return {};
    if (sys::call(SYS_newfstatat, opened.get(), name.data(), &status, AT_SYMLINK_NOFOLLOW) < 0 || !is_same(status, file.status)) return {};
    found.append(name);
    return error(ErrorCode::abandoned, "the name is found");
  });
  if (found.empty() || directory.size() + 1 + found.size() > Path::capacity()) return {};
  Path name(directory);
  return arena_.copy(name.append(directory == "/" ? "" : "/").append(found).view());
}

}  // namespace stasis::hijack
