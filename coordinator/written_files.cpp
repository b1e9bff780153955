// See written_files.hpp. By name, because that is how a restart finds a file: one that was renamed since is none of this generation's.
// World: programs.
#include "coordinator/written_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "core/image/reader.hpp"

namespace stasis::coordinator {
namespace {

bool is_in_proc(const std::string& path) { return path.starts_with("/proc/") || path.starts_with("/sys/"); }

void collect(const image::Image& image, std::set<std::string>& paths) {
  for (const image::DescriptionRecord& description : image.descriptions()) {
    const bool written = (description.status_flags & O_ACCMODE) != O_RDONLY;
    if (description.kind == image::DescriptionKind::regular_file && written && !description.deleted) paths.emplace(description.path);
  }
  for (const image::MappingRecord& mapping : image.mappings())
    if (mapping.kind == image::MappingKind::file_shared) paths.emplace(mapping.path);
  for (const image::SharedMemoryRecord& memory : image.shared_memory())
    if (!memory.other_name.empty()) paths.emplace(memory.other_name);
}

// -1: there is nothing that a restart could open here, or only for others.
Result<int> open_file(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return -1;  // to open a device or a named pipe can do something
  for (const int access : {O_RDONLY, O_WRONLY}) {
    const int fd = ::open(path.c_str(), access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) return fd;
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EIO) return system_error("open " + path, -errno);
  }
  return -1;
}

}  // namespace

Status sync_written_files(const std::vector<std::string>& images) {
  std::set<std::string> paths;
  for (const std::string& path : images) {
    STASIS_TRY_VALUE(const image::Image image, image::Image::open(path));
    collect(image, paths);
  }
  for (const std::string& path : paths) {
    if (is_in_proc(path)) continue;
    STASIS_TRY_VALUE(const int fd, open_file(path));
    if (fd < 0) continue;
    const int result = ::fdatasync(fd) == 0 ? 0 : -errno;
    ::close(fd);
    if (result != 0 && result != -EINVAL) return system_error("fdatasync " + path, result);  // EINVAL: not on this file system
  }
  return {};
}

}  // namespace stasis::coordinator
