// Pipes with a name.
//
// Opening one end waits for the other (fifo(7)); so a description that is both ends is opened first, takes the unread bytes, and goes when
// all others are there. One whose name is gone is made anew.
// World: programs.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "restart_wrapper/directories.hpp"
#include "restart_wrapper/kinds/kind.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {

Status fill_pipe(const std::vector<const Description*>& group, int fd);

namespace {

Status check(const Computation&, std::span<const Description* const> all) {
  for (const Description* one : all) {
    struct stat status{};
    const bool found = ::stat(label(*one).c_str(), &status) == 0;
    if (!found && errno == ENOENT && has_place(label(*one))) continue;
    if (!found) return errno == ENOENT ? error(ErrorCode::file_missing, label(*one)) : system_error("stat " + label(*one), -errno);
    if (!S_ISFIFO(status.st_mode)) return error(ErrorCode::file_changed, label(*one)).with("it is no named pipe any more");
  }
  return {};
}

// What is gone from under its name holds nothing but what was in the pipe.
Status put_back(const Description& description) {
  const std::string path = label(description);
  if (::access(path.c_str(), F_OK) == 0 || errno != ENOENT) return {};
  STASIS_TRY(make_directories(path, 0700));
  if (::mkfifo(path.c_str(), 0600) != 0 || ::chmod(path.c_str(), description.record.mode & 07777) != 0) return system_error("put back " + path, -errno);
  return {};
}

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  for (const auto& group : by_object(all)) {
    const std::string path = label(*group.front());
    STASIS_TRY(put_back(*group.front()));
    UniqueFd both(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!both) return system_error("open " + path, -errno);
    STASIS_TRY(fill_pipe(group, both.get()));
    for (const Description* one : group) {
      const int fd = ::open(path.c_str(), open_flags(one->record) | O_NONBLOCK);
      if (fd < 0) return system_error("open " + path, -errno);
      if (::fcntl(fd, F_SETFL, static_cast<int>(one->record.status_flags) & (O_NONBLOCK | O_DIRECT | O_ASYNC)) != 0) return system_error("set the flags of " + path, -errno);
      STASIS_TRY(workshop.put(one->record.id, fd));
    }
  }
  return {};
}

}  // namespace

const Kind kinds_detail::fifo{image::DescriptionKind::fifo, check, recreate};

}  // namespace stasis::restart
