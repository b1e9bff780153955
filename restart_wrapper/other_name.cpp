// See other_name.hpp.
// World: programs.
#include "restart_wrapper/other_name.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <vector>

#include "restart_wrapper/directories.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

bool is_same(const struct stat& one, const struct stat& other) { return one.st_ino == other.st_ino && one.st_dev == other.st_dev; }

// The directories that `path` is in, for as long as this lives: those that were missing are made, and removed at the end.
class DirectoriesForNow {
 public:
  explicit DirectoriesForNow(const std::string& path) {
    for (std::filesystem::path at = std::filesystem::path(path).parent_path(); at.has_relative_path() && ::access(at.c_str(), F_OK) != 0 && errno == ENOENT; at = at.parent_path()) made_.push_back(at);
    if (!has_place(path)) made_.clear();
    if (made_.empty()) return;
    [[maybe_unused]] const Status made = make_directories(path, 0700);  // if it fails, no name can be given there
  }
  DirectoriesForNow(const DirectoriesForNow&) = delete;
  ~DirectoriesForNow() {
    for (const std::string& directory : made_) ::rmdir(directory.c_str());
  }

 private:
  std::vector<std::string> made_;  // the innermost first
};

// Nobody else's file is opened or unlinked, whatever happens in the directory meanwhile.
UniqueFd open_by_removed_name(const std::string& name, const std::string& removed, int flags) {
  struct stat wanted{}, linked{}, opened{};
  const DirectoriesForNow directories(removed);
  if (::link(name.c_str(), removed.c_str()) != 0) return {};
  UniqueFd fd(::open(removed.c_str(), flags));
  if (::stat(name.c_str(), &wanted) != 0) return {};
  if (::lstat(removed.c_str(), &linked) == 0 && is_same(linked, wanted)) ::unlink(removed.c_str());
  return fd && ::fstat(fd.get(), &opened) == 0 && is_same(opened, wanted) ? std::move(fd) : UniqueFd();
}

}  // namespace

int open_by_other_name(const std::string& name, const std::string& removed, int flags) {
  UniqueFd fd;
  if (!removed.empty()) fd = open_by_removed_name(name, removed, flags);
  return fd ? fd.release() : ::open(name.c_str(), flags);
}

}  // namespace stasis::restart
