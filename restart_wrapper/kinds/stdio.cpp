// What the program got from its launcher and nobody can open again: terminals, and pipes or sockets to the outside.
//
// The restarter's own descriptor of the same number takes its place: a terminal where it has a terminal, a log file where it writes to one.
// World: programs.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/image/states/terminal.hpp"
#include "restart_wrapper/kinds/kind.hpp"

namespace stasis::restart {

int terminal_of(const Workshop& workshop, const Description& description) {
  if (description.record.stdio < workshop.stdio.size()) return workshop.stdio[description.record.stdio];
  const auto found = std::find_if(workshop.stdio.begin(), workshop.stdio.end(), [](int fd) { return ::isatty(fd) == 1; });
  return found == workshop.stdio.end() ? workshop.stdio[0] : *found;
}

namespace {

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) {
    const int fd = ::fcntl(terminal_of(workshop, *one), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return system_error("duplicate descriptor " + std::to_string(one->record.stdio), -errno);
    // Shared with whoever started us, as it was with whoever started the program: only what the program had set is set.
    if (one->record.status_flags & O_NONBLOCK) ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    STASIS_TRY(workshop.put(one->record.id, fd));
  }
  return {};
}

// A terminal that has its old name here (pseudo_terminal.cpp), or is opened by a name that means anybody's own, is opened by that name.
int open_by_name(const Description& description, int ours) {
  if (description.record.path == "/dev/tty") return ::open("/dev/tty", open_flags(description.record));
  struct stat named{}, wanted{};
  if (::stat(label(description).c_str(), &named) != 0 || ::fstat(ours, &wanted) != 0 || named.st_dev != wanted.st_dev || named.st_ino != wanted.st_ino) return -1;
  return ::open(label(description).c_str(), open_flags(description.record));
}

Status recreate_terminals(Workshop& workshop, std::span<const Description* const> all) {
  std::vector<const Description*> nameless;
  for (const Description* one : all) {
    const int ours = terminal_of(workshop, *one);
    int fd = open_by_name(*one, ours);
    if (fd < 0 && one->record.stdio == image::kControllingTerminal && ::isatty(ours) == 0) fd = ::open("/dev/tty", open_flags(one->record));
    if (fd < 0) nameless.push_back(one);
    else STASIS_TRY(workshop.put(one->record.id, fd));
  }
  return recreate(workshop, nameless);
}

}  // namespace

const Kind kinds_detail::terminal{image::DescriptionKind::terminal, nullptr, recreate_terminals};
const Kind kinds_detail::launch_stdio{image::DescriptionKind::launch_stdio, nullptr, recreate};

}  // namespace stasis::restart
