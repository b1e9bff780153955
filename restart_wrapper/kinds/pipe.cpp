// Pipes and their unread bytes.
//
// The ends of one pipe are descriptions with the same inode. An end that no process has is closed here as it was then: writers
// get SIGPIPE, readers the end of file after the unread bytes.
// World: programs.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "restart_wrapper/kinds/kind.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {

// Shared with fifo.cpp: puts the kept bytes of one of `group` into the pipe whose writing end, set to O_NONBLOCK, is `fd`.
Status fill_pipe(const std::vector<const Description*>& group, int fd) {
  const auto holder = std::find_if(group.begin(), group.end(), [](const Description* one) { return one->content != nullptr; });
  for (const Description* one : group)
    if (one->record.capacity != 0 && ::fcntl(fd, F_SETPIPE_SZ, static_cast<int>(one->record.capacity)) < 0 && errno != EPERM)
      return system_error("set the size of a pipe", -errno);
  if (holder == group.end()) return {};
  return (*holder)->content->read_content((*holder)->record.content, [&](std::uint64_t, std::string_view bytes) -> Status {
    while (!bytes.empty()) {
      const ssize_t put = ::write(fd, bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return system_error("fill a pipe", -errno);
      bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
  });
}

namespace {

Status recreate_pipe(Workshop& workshop, const std::vector<const Description*>& group) {
  int ends[2];
  const bool packets = std::any_of(group.begin(), group.end(), [](const Description* one) { return (one->record.status_flags & O_DIRECT) != 0; });
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK | (packets ? O_DIRECT : 0)) != 0) return system_error("create a pipe", -errno);
  UniqueFd reading(ends[0]), writing(ends[1]);
  STASIS_TRY(fill_pipe(group, writing.get()));
  bool reading_taken = false, writing_taken = false;
  for (const Description* one : group) {
    const int access = static_cast<int>(one->record.status_flags) & O_ACCMODE;
    const int flags = open_flags(one->record) & ~O_DIRECT;
    bool& taken = access == O_WRONLY ? writing_taken : reading_taken;
    const int end = access == O_WRONLY ? writing.get() : reading.get();
    int fd = -1;
    if (access == O_RDWR || taken) {  // opened by way of /proc: a description of its own
      STASIS_TRY_VALUE(fd, open_again(end, flags));
    } else {
      fd = ::fcntl(end, F_DUPFD_CLOEXEC, 0);
      if (fd < 0) return system_error("duplicate a pipe's end", -errno);
      taken = true;
    }
    if (::fcntl(fd, F_SETFL, static_cast<int>(one->record.status_flags) & (O_NONBLOCK | O_DIRECT | O_ASYNC)) != 0) return system_error("set a pipe's flags", -errno);
    STASIS_TRY(workshop.put(one->record.id, fd));
  }
  return {};
}

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  for (const auto& group : by_object(all)) STASIS_TRY(recreate_pipe(workshop, group));
  return {};
}

}  // namespace

const Kind kinds_detail::pipe{image::DescriptionKind::pipe, nullptr, recreate};

}  // namespace stasis::restart
