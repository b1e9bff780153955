// See directories.hpp.
// World: programs.
#include "restart_wrapper/directories.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace stasis::restart {
namespace {

bool is_missing(const std::string& path) { return ::access(path.c_str(), F_OK) != 0 && errno == ENOENT; }

std::string directory_of(const std::string& path) { return std::filesystem::path(path).parent_path(); }

}  // namespace

bool has_place(const std::string& path) {
  std::string directory = directory_of(path);
  while (is_missing(directory) && directory.size() > 1) directory = directory_of(directory);
  struct stat status{};
  return ::access(directory.c_str(), W_OK | X_OK) == 0 && ::stat(directory.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

Status make_directories(const std::string& path, mode_t mode) {
  const std::string directory = directory_of(path);
  if (directory.size() < 2 || !is_missing(directory)) return {};
  STASIS_TRY(make_directories(directory, mode));
  if (::mkdir(directory.c_str(), 0700) != 0 || ::chmod(directory.c_str(), mode) != 0) return system_error("make the directory " + directory, -errno);
  return {};
}

}  // namespace stasis::restart
