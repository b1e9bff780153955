// Looking for a file's other name, see other_name.hpp.
// World: hijack, leader.
#include "hijack/engine/other_name.hpp"

#include "hijack/rt/file.hpp"

namespace stasis::hijack {
namespace {

// Empty if there is none that could hold files.
std::string_view directory_of(std::string_view path) noexcept {
  if (!path.starts_with("/") || path.starts_with("/memfd:") || path.starts_with("/proc/")) return {};
  return path.substr(0, path.rfind('/') == 0 ? 1 : path.rfind('/'));
}

}  // namespace

std::string_view OtherName::find_open(const Identity& file) const noexcept {
  for (const Description& other : descriptions_)
    if (!other.record.deleted && other.status.st_nlink != 0 && file.is_of(other.status)) return other.record.path;
  return {};
}

std::string_view OtherName::find_beside(std::string_view path, std::uint64_t device, std::uint64_t inode) noexcept {
  const Identity file{device, inode};
  const std::string_view open = find_open(file), directory = directory_of(path);
  return !open.empty() || directory.empty() ? open : look_in(directory, file);
}

std::string_view OtherName::find(const Description& description) noexcept {
  const Identity file{description.status.st_dev, description.status.st_ino};
  List<std::string_view> seen(arena_);
  std::string_view found = find_open(file);
  const auto look_once = [&](std::string_view directory) {
    if (directory.empty() || !found.empty() || seen.size() == kMostDirectories) return;
    for (const std::string_view other : seen)
      if (other == directory) return;
    if (seen.add(directory)) found = look_in(directory, file);
  };
  Path working;
  look_once(directory_of(description.record.path));
  look_once(read_link("/proc/thread-self/cwd", working));
  for (const Description& other : descriptions_) look_once(S_ISDIR(other.status.st_mode) ? std::string_view(other.record.path) : directory_of(other.record.path));
  return found;
}

std::string_view OtherName::look_in(std::string_view directory, const Identity& file) noexcept {
  const std::string_view path = arena_.copy(directory);  // with a NUL
  const OwnedFd opened = open_file(path.data(), O_RDONLY | O_DIRECTORY);
  if (path.empty() || !opened.ok()) return {};
  FixedString<255> found;
  // Its error only ends the walk.
  [[maybe_unused]] const Status walked = for_each_entry(opened.get(), [&](std::string_view name, std::uint64_t inode) -> Status {
    if (entries_left_ == 0) return error(ErrorCode::abandoned, "enough was looked at");
    --entries_left_;
    struct stat status{};
    if (inode != file.inode) return {};
    if (sys::call(SYS_newfstatat, opened.get(), name.data(), &status, AT_SYMLINK_NOFOLLOW) < 0 || !file.is_of(status)) return {};
    found.append(name);
    return error(ErrorCode::abandoned, "the name is found");
  });
  if (found.empty() || directory.size() + 1 + found.size() > Path::capacity()) return {};
  Path name(directory);
  return arena_.copy(name.append(directory == "/" ? "" : "/").append(found).view());
}

}  // namespace stasis::hijack
