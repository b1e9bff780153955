// Inotify instances (inotify(7)): made empty, and given their watches when nothing of ours touches files any more. The kernel counts watches up, so numbers that are
// not used now are used for a moment.
//
// World: programs, the first process of the new namespace.
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>

#include "core/image/states/watch_list.hpp"
#include "restart_wrapper/kinds/kind.hpp"

namespace stasis::restart {
namespace {

Status check(const Computation&, std::span<const Description* const> all) {
  for (const Description* one : all) {
    STASIS_TRY_VALUE(const image::WatchList list, state_of<image::WatchList>(*one));
    Status status;
    list.watches.for_each([&](const image::Watch& watch) {
      const std::string path(watch.path);
      if (status.ok() && ::access(path.c_str(), F_OK) != 0) status = errno == ENOENT ? error(ErrorCode::file_missing, path).with("it was watched") : system_error("access " + path, -errno);
    });
    STASIS_TRY(std::move(status));
  }
  return {};
}

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) {
    const int fd = ::inotify_init1(IN_CLOEXEC);
    if (fd < 0) return system_error("make an inotify instance", -errno);
    if (::fcntl(fd, F_SETFL, static_cast<int>(one->record.status_flags) & (O_NONBLOCK | O_ASYNC)) != 0) return system_error("set an inotify instance's flags", -errno);
    STASIS_TRY(workshop.put(one->record.id, fd));
  }
  return {};
}

// A watch of "/" for something that does not happen, removed at once: tells IN_IGNORED, which take_ignored() reads.
Status pass_number(int fd) {
  const int number = ::inotify_add_watch(fd, "/proc", IN_DELETE_SELF);
  if (number < 0) return system_error("watch", -errno);
  ::inotify_rm_watch(fd, number);
  return {};
}

void take_ignored(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  char events[4096];
  while (::read(fd, events, sizeof events) > 0) {
  }
  ::fcntl(fd, F_SETFL, flags);
}

Status add_watches(int fd, const image::WatchList& list) {
  Status status;
  int next = 1;
  list.watches.for_each([&](const image::Watch& watch) {
    for (; status.ok() && next < watch.number; ++next) status = pass_number(fd);
    if (!status.ok()) return;
    const std::string path(watch.path);
    const int number = ::inotify_add_watch(fd, path.c_str(), watch.events | IN_MASK_CREATE);
    if (number < 0) status = system_error("watch " + path, -errno);
    else if (number != watch.number) status = error(ErrorCode::restore_failed, "the watch of " + path + " would have the number " + std::to_string(number));
    ++next;
  });
  take_ignored(fd);
  return status;
}

Status complete(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) {
    STASIS_TRY_VALUE(const image::WatchList list, state_of<image::WatchList>(*one));
    STASIS_TRY(add_watches(workshop.fds.at(one->record.id), list));
  }
  return {};
}

}  // namespace

const Kind kinds_detail::watch_list{image::DescriptionKind::watch_list, check, recreate, complete};

}  // namespace stasis::restart
