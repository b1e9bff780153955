// Process descriptors (pidfd_open(2)): opened when all processes are there. One of a process that has ended and was waited for is one of a process of a moment.
//
// World: programs, the first process of the new namespace.
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/image/states/process.hpp"
#include "restart_wrapper/kinds/kind.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {
namespace {

constexpr unsigned kThread = O_EXCL;  // PIDFD_THREAD, Linux 6.9

Result<UniqueFd> of_ended_process() {
  const pid_t child = ::fork();
  if (child < 0) return system_error("fork", -errno);
  if (child == 0) ::_exit(0);
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  const int reason = errno;
  ::waitpid(child, nullptr, 0);
  if (!fd) return system_error("open a process", -reason);
  return fd;
}

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) STASIS_TRY(workshop.put_later(one->record.id));
  return {};
}

Status complete(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) {
    STASIS_TRY_VALUE(const image::ProcessReference state, state_of<image::ProcessReference>(*one));
    UniqueFd fd;
    if (state.pid > 0) {
      // Threads other than the first come later than we do: they are woken in their own process.
      if (state.thread && !std::ranges::any_of(workshop.computation->members, [&](const image::Image& image) { return image.process().pid == state.pid; }))
        return error(ErrorCode::unsupported, "a descriptor of the thread " + std::to_string(state.pid));
      fd.reset(static_cast<int>(::syscall(SYS_pidfd_open, workshop.ids->kernels(state.pid), state.thread ? kThread : 0)));
      if (!fd) return system_error("open process " + std::to_string(state.pid), -errno);
    } else {
      STASIS_TRY_VALUE(fd, of_ended_process());
    }
    if (::fcntl(fd.get(), F_SETFL, static_cast<int>(one->record.status_flags) & O_NONBLOCK) != 0) return system_error("set a process descriptor's flags", -errno);
    if (::dup3(fd.get(), workshop.late.at(one->record.id), O_CLOEXEC) < 0) return system_error("keep a process descriptor", -errno);
  }
  return {};
}

}  // namespace

const Kind kinds_detail::process{image::DescriptionKind::process, nullptr, recreate, complete};

}  // namespace stasis::restart
