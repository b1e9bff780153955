// Event counters (eventfd(2)) with their count.
//
// World: programs.
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>

#include "restart_wrapper/kinds/kind.hpp"

namespace stasis::restart {
namespace {

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) {
    const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | (one->record.semaphore ? EFD_SEMAPHORE : 0));
    if (fd < 0) return system_error("create an event counter", -errno);
    const std::uint64_t count = one->record.counter;
    if (count != 0 && ::write(fd, &count, sizeof count) != sizeof count) return system_error("set an event counter", -errno);
    if (::fcntl(fd, F_SETFL, static_cast<int>(one->record.status_flags) & (O_NONBLOCK | O_ASYNC)) != 0) return system_error("set an event counter's flags", -errno);
    STASIS_TRY(workshop.put(one->record.id, fd));
  }
  return {};
}

}  // namespace

const Kind kinds_detail::event_counter{image::DescriptionKind::event_counter, nullptr, recreate};

}  // namespace stasis::restart
