// See other_name.hpp.
// World: programs.
#include "restart_wrapper/other_name.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

bool is_same(const struct stat& one, const struct stat& other) { return one.st_ino == other.st_ino && one.st_dev == other.st_dev; }

// Nobody else's file is opened or unlinked, whatever happens in the directory meanwhile.
UniqueFd open_by_removed_name(const std::string& name, const std::string& removed, int flags) {
  struct stat wanted{}, linked{}, opened{};
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
