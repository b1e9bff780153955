// Epoll sets (epoll(7)): made empty, and filled when all that can be in them is there.
//
// The kernel knows an entry by the description and the number under which it was added. So a process apart puts the description at that number, adds it and
// goes; the entry stays, for the description is open elsewhere. An edge that was told comes again if its reason is still there; none is lost.
// World: programs, the first process of the new namespace.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/image/states/event_set.hpp"
#include "restart_wrapper/kinds/acting.hpp"
#include "restart_wrapper/kinds/kind.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

constexpr std::uint32_t kPrivate = EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE;  // EP_PRIVATE_BITS of fs/eventpoll.c

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) {
    const int fd = ::epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0) return system_error("make an epoll set", -errno);
    if (::fcntl(fd, F_SETFL, static_cast<int>(one->record.status_flags) & (O_NONBLOCK | O_ASYNC)) != 0) return system_error("set an epoll set's flags", -errno);
    STASIS_TRY(workshop.put(one->record.id, fd));
  }
  return {};
}

// The one description that such an object has in the whole computation; 0 if there is none or more than one.
std::uint64_t only_description(const Computation& computation, const image::WatchedDescription& entry) {
  std::uint64_t found = 0;
  for (const auto& [id, description] : computation.descriptions) {
    if (description.record.inode != entry.inode) continue;
    if (found != 0) return 0;
    found = id;
  }
  return found;
}

// What the holders of the set know of its entries, together: they are in the same order in all their records.
Result<std::vector<image::WatchedDescription>> entries_of(const Computation& computation, std::uint64_t id) {
  std::vector<image::WatchedDescription> entries;
  for (const image::Image& image : computation.members)
    for (const image::DescriptionRecord& record : image.descriptions()) {
      if (record.id != id || record.state.empty()) continue;
      STASIS_TRY_VALUE(const image::EventSet set, state_of<image::EventSet>(Description{record, nullptr}));
      std::size_t next = 0;
      set.entries.for_each([&](const image::WatchedDescription& entry) {
        if (next == entries.size()) entries.push_back(entry);
        if (entries[next].description == 0) entries[next].description = entry.description;
        ++next;
      });
    }
  for (image::WatchedDescription& entry : entries)
    if (entry.description == 0) entry.description = only_description(computation, entry);
  return entries;
}

bool was_told(const image::WatchedDescription& entry) { return (entry.events & EPOLLONESHOT) != 0 && (entry.events & ~kPrivate) == 0; }

class Filling {
 public:
  Filling(const Workshop& workshop, int set, const std::vector<image::WatchedDescription>& entries) : workshop_(workshop), set_(set), entries_(entries) {
    for (const image::WatchedDescription& entry : entries_) highest_ = std::max(highest_, entry.fd);
    for (const auto& [id, fd] : workshop_.fds) highest_ = std::max(highest_, fd);
  }

  // In the process apart.
  Status run() {
    STASIS_TRY_VALUE(set_, above(set_));
    // While nothing else is in the set that could be told instead.
    for (const image::WatchedDescription& entry : entries_)
      if (was_told(entry)) STASIS_TRY(add(entry, EPOLLIN | EPOLLOUT | EPOLLPRI | (entry.events & ~EPOLLEXCLUSIVE)));
    epoll_event told[64];
    while (::epoll_wait(set_, told, 64, 0) > 0) {
    }
    for (const image::WatchedDescription& entry : entries_)
      if (!was_told(entry)) STASIS_TRY(add(entry, entry.events));
    return {};
  }

 private:
  Result<int> above(int fd) const {
    const int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, highest_ + 1);
    if (moved < 0) return system_error("find a free descriptor number", -errno);
    return moved;
  }

  Status add(const image::WatchedDescription& entry, std::uint32_t events) const {
    const auto source = workshop_.fds.find(entry.description);
    if (source == workshop_.fds.end()) return {};  // nobody has it open any more
    if (workshop_.computation->descriptions.at(entry.description).record.kind == image::DescriptionKind::ring) return {};  // its process makes it, and adds it
    STASIS_TRY_VALUE(const int fd, above(source->second));
    const UniqueFd kept(fd);
    const int before = ::fcntl(entry.fd, F_GETFD) >= 0 ? ::fcntl(entry.fd, F_DUPFD_CLOEXEC, highest_ + 1) : -1;
    const UniqueFd saved(before);
    if (::dup3(fd, entry.fd, O_CLOEXEC) < 0) return system_error("place descriptor " + std::to_string(entry.fd), -errno);
    epoll_event event{};
    event.events = events, event.data.u64 = entry.data;
    const int result = ::epoll_ctl(set_, EPOLL_CTL_ADD, entry.fd, &event);
    const int reason = errno;
    if (saved) ::dup3(saved.get(), entry.fd, O_CLOEXEC);  // it may be needed for another entry
    else ::close(entry.fd);
    return result == 0 || reason == EEXIST ? Status() : system_error("add descriptor " + std::to_string(entry.fd) + " to an epoll set", -reason);
  }

  const Workshop& workshop_;
  int set_;
  const std::vector<image::WatchedDescription>& entries_;
  int highest_ = 0;
};

Status complete(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) {
    STASIS_TRY_VALUE(const auto entries, entries_of(*workshop.computation, one->record.id));
    if (!entries.empty()) STASIS_TRY(act_apart([&] { return Filling(workshop, workshop.fds.at(one->record.id), entries).run(); }));
  }
  return {};
}

}  // namespace

const Kind kinds_detail::event_set{image::DescriptionKind::event_set, nullptr, recreate, complete};

}  // namespace stasis::restart
