// What the program got from its launcher and nobody can open again: terminals, and pipes or sockets to the outside.
//
// The restarter's own descriptor of the same number takes its place: a terminal where it has a terminal, a log file where it writes to one.
// World: programs.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "restart_wrapper/kinds/kind.hpp"

namespace stasis::restart {
namespace {

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) {
    const std::uint32_t number = one->record.stdio < 3 ? one->record.stdio : 0;
    const int fd = ::fcntl(workshop.stdio[number], F_DUPFD_CLOEXEC, 0);
    if (fd < 0) return system_error("duplicate descriptor " + std::to_string(number), -errno);
    // Shared with whoever started us, as it was with whoever started the program: only what the program had set is set.
    if (one->record.status_flags & O_NONBLOCK) ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    STASIS_TRY(workshop.put(one->record.id, fd));
  }
  return {};
}

}  // namespace

const Kind kinds_detail::terminal{image::DescriptionKind::terminal, nullptr, recreate};
const Kind kinds_detail::launch_stdio{image::DescriptionKind::launch_stdio, nullptr, recreate};

}  // namespace stasis::restart
