// Signals to processes, groups and threads by the ids that the program knows.
// World: hijack, any thread, also in signal handlers and between vfork and exec.
#include <cerrno>
#include <cstddef>

#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"

using namespace stasis::hijack;

STASIS_EXPORT int kill(pid_t pid, int signal) noexcept { return real::kill(kernels_id(pid), signal); }
STASIS_EXPORT int killpg(pid_t group, int signal) noexcept { return real::killpg(kernels_id(group), signal); }
STASIS_EXPORT int tgkill(pid_t process, pid_t thread, int signal) noexcept { return real::tgkill(kernels_id(process), kernels_id(thread), signal); }
STASIS_EXPORT int sigqueue(pid_t pid, int signal, const union sigval value) noexcept { return real::sigqueue(kernels_id(pid), signal, value); }
STASIS_EXPORT int pidfd_open(pid_t pid, unsigned flags) noexcept {
  if (real::pidfd_open.is_there()) return real::pidfd_open(kernels_id(pid), flags);
  errno = ENOSYS;
  return -1;
}
