// Signal descriptors (signalfd(2)).
//
// World: programs, the first process of the new namespace.
#include <fcntl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "core/image/states/signal_set.hpp"
#include "restart_wrapper/kinds/kind.hpp"

namespace stasis::restart {
namespace {

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) {
    STASIS_TRY_VALUE(const image::SignalSet set, state_of<image::SignalSet>(*one));
    const int fd = static_cast<int>(::syscall(SYS_signalfd4, -1, &set.signals, sizeof set.signals, SFD_CLOEXEC));  // the kernel's set, not libc's longer one
    if (fd < 0) return system_error("make a signal descriptor", -errno);
    if (::fcntl(fd, F_SETFL, static_cast<int>(one->record.status_flags) & (O_NONBLOCK | O_ASYNC)) != 0) return system_error("set a signal descriptor's flags", -errno);
    STASIS_TRY(workshop.put(one->record.id, fd));
  }
  return {};
}

}  // namespace

const Kind kinds_detail::signal_set{image::DescriptionKind::signal_set, nullptr, recreate};

}  // namespace stasis::restart
