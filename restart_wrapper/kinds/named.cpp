// Things that are simply opened again by name: directories, devices without state, and what was opened with O_PATH.
//
// A directory's offset is where readdir goes on; it means the same on the same file system.
// World: programs.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "restart_wrapper/kinds/kind.hpp"

namespace stasis::restart {
namespace {

// Names of the program's own terminals are there only when these are.
bool is_made_later(const Computation& computation, const Description& description) {
  return description.record.path.starts_with("/dev/pts/") && std::any_of(computation.descriptions.begin(), computation.descriptions.end(), [](const auto& entry) {
           return entry.second.record.kind == image::DescriptionKind::pseudo_terminal;
         });
}

Status check(const Computation& computation, std::span<const Description* const> all) {
  for (const Description* one : all) {
    if (is_made_later(computation, *one)) continue;
    struct stat status{};
    if (::stat(label(*one).c_str(), &status) != 0)
      return errno == ENOENT ? error(ErrorCode::file_missing, label(*one)) : system_error("stat " + label(*one), -errno);
    if ((status.st_mode & S_IFMT) != (one->record.mode & S_IFMT)) return error(ErrorCode::file_changed, label(*one)).with("it is something else now");
  }
  return {};
}

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) {
    const int fd = ::open(label(*one).c_str(), open_flags(one->record));
    if (fd < 0) return system_error("open " + label(*one), -errno);
    if (one->record.offset != 0 && one->record.kind == image::DescriptionKind::directory) ::lseek(fd, static_cast<off_t>(one->record.offset), SEEK_SET);
    STASIS_TRY(workshop.put(one->record.id, fd));
  }
  return {};
}

}  // namespace

const Kind kinds_detail::directory{image::DescriptionKind::directory, check, recreate};
const Kind kinds_detail::device{image::DescriptionKind::device, check, recreate};
const Kind kinds_detail::path_only{image::DescriptionKind::path_only, check, recreate};

}  // namespace stasis::restart
