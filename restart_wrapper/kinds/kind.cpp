// The table of kinds and what they share, see kind.hpp.
// World: programs.
#include "restart_wrapper/kinds/kind.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace stasis::restart {

namespace {
// Plain things first, so that a file that is gone is told before pipes are filled.
const std::array kTable{kinds_detail::pseudo_terminal,  // first: it mounts the directory that others may be in
                        kinds_detail::regular_file, kinds_detail::directory,    kinds_detail::path_only, kinds_detail::device,       kinds_detail::memory_file,
                        kinds_detail::event_counter, kinds_detail::ring, kinds_detail::terminal,    kinds_detail::launch_stdio, kinds_detail::fifo, kinds_detail::pipe,
                        kinds_detail::timer, kinds_detail::signal_set, kinds_detail::message_queue, kinds_detail::process, kinds_detail::process_file, kinds_detail::watch_list, kinds_detail::event_set,
                        kinds_detail::socket};  // last: any of the others may be in flight in its queue
}  // namespace

std::span<const Kind> kinds() { return kTable; }

HighNumbers::HighNumbers(const std::set<int>& used) : used_(used) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  // Above all that the program has; below what a table of descriptors costs when it has to grow to a million.
  next_ = used.empty() ? 0 : *used.rbegin() + 1;
  if (next_ < 64) next_ = 64;
}

Result<int> HighNumbers::copy(int fd) {
  while (used_.contains(next_)) ++next_;
  int moved = ::fcntl(fd, F_DUPFD_CLOEXEC, next_);
  if (moved < 0 && errno == EINVAL) {  // beyond the limit: look for gaps between the program's numbers
    next_ = 3;
    while (used_.contains(next_)) ++next_;
    moved = ::fcntl(fd, F_DUPFD_CLOEXEC, next_);
  }
  while (moved >= 0 && used_.contains(moved)) {
    const int higher = ::fcntl(moved, F_DUPFD_CLOEXEC, moved + 1);
    ::close(moved);
    moved = higher;
  }
  if (moved < 0) return system_error("find a free descriptor number", -errno);
  return moved;
}

Result<int> HighNumbers::move(int fd) {
  STASIS_TRY_VALUE(const int moved, copy(fd));
  ::close(fd);
  return moved;
}

Status Workshop::put(std::uint64_t id, int fd) {
  STASIS_TRY_VALUE(const int high, numbers->move(fd));
  fds[id] = high;
  return {};
}

Status Workshop::put_later(std::uint64_t id) {
  STASIS_TRY(put(id, ::open("/dev/null", O_RDWR | O_CLOEXEC)));
  late[id] = fds[id];
  return {};
}

std::vector<std::vector<const Description*>> by_object(std::span<const Description* const> all) {
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::vector<const Description*>> groups;
  for (const Description* description : all) groups[{description->record.device, description->record.inode}].push_back(description);
  std::vector<std::vector<const Description*>> list;
  for (auto& [object, group] : groups) list.push_back(std::move(group));
  return list;
}

std::string label(const Description& description) { return std::string(description.record.path); }

Status write_content(const Description& description, int fd) {
  if (description.content == nullptr) return {};
  return description.content->read_content(description.record.content, [&](std::uint64_t offset, std::string_view bytes) -> Status {
    while (!bytes.empty()) {
      const ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return system_error("write " + label(description), -errno);
      bytes.remove_prefix(static_cast<std::size_t>(put));
      offset += static_cast<std::uint64_t>(put);
    }
    return {};
  });
}

Result<int> open_again(int fd, int flags) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const int again = ::open(path.c_str(), (flags & ~O_NOFOLLOW) | O_CLOEXEC);  // which is a link
  if (again < 0) return system_error("open " + path, -errno);
  return again;
}

int open_flags(const image::DescriptionRecord& record) {
  constexpr int kKept = O_ACCMODE | O_APPEND | O_NONBLOCK | O_DIRECT | O_DSYNC | O_SYNC | O_NOATIME | O_ASYNC | O_PATH | O_NOFOLLOW;
  // A file made with O_TMPFILE shows O_DIRECTORY, too, which is one of its bits (open(2)).
  const int directory = S_ISDIR(record.mode) ? O_DIRECTORY : 0;
  return (static_cast<int>(record.status_flags) & kKept) | directory | O_CLOEXEC | O_NOCTTY;
}

}  // namespace stasis::restart
