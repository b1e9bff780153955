// Ids that belong to descriptors: who gets their signals, who has a lock, which group has a terminal.
//
// What fcntl(2) and ioctl(2) get is passed on as it came, a pointer or a number; only what ids are in is looked into.
// World: hijack, any thread; a thread may be cancelled while it waits for a lock.
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <cstddef>

#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"

using namespace stasis::hijack;

namespace {

std::int32_t of(std::int32_t id, bool to_kernel) noexcept { return to_kernel ? kernels_id(id) : programs_owner(id); }

template <class Call>
int control(Call call, int fd, int command, void* argument) {
  if (!ids_are_virtual()) return call(fd, command, argument);
  switch (command) {
    case F_SETOWN: return call(fd, command, reinterpret_cast<void*>(static_cast<long>(of(static_cast<int>(reinterpret_cast<long>(argument)), true))));
    case F_GETOWN: return of(call(fd, command, argument), false);
    case F_SETOWN_EX: {
      f_owner_ex owner = *static_cast<const f_owner_ex*>(argument);
      owner.pid = kernels_id(owner.pid);
      return call(fd, command, &owner);
    }
    default: break;
  }
  const int result = call(fd, command, argument);
  if (result != 0) return result;
  if (command == F_GETOWN_EX) static_cast<f_owner_ex*>(argument)->pid = programs_id(static_cast<f_owner_ex*>(argument)->pid);
  if (command == F_GETLK && static_cast<struct flock*>(argument)->l_type != F_UNLCK) static_cast<struct flock*>(argument)->l_pid = programs_id(static_cast<struct flock*>(argument)->l_pid);
  return result;
}

}  // namespace

#define STASIS_ARGUMENT(after)           \
  va_list list;                          \
  va_start(list, after);                 \
  void* const argument = va_arg(list, void*); \
  va_end(list)

STASIS_EXPORT int fcntl(int fd, int command, ...) {
  STASIS_ARGUMENT(command);
  return control([](int f, int c, void* a) { return real::fcntl(f, c, a); }, fd, command, argument);
}

STASIS_EXPORT int fcntl64(int fd, int command, ...) {
  STASIS_ARGUMENT(command);
  return control([](int f, int c, void* a) { return real::fcntl64(f, c, a); }, fd, command, argument);
}

STASIS_EXPORT int ioctl(int fd, unsigned long command, ...) noexcept {
  STASIS_ARGUMENT(command);
  if (!ids_are_virtual()) return real::ioctl(fd, command, argument);
  if (command == TIOCSPGRP || command == FIOSETOWN || command == SIOCSPGRP) {
    int id = kernels_id(*static_cast<const int*>(argument));
    return real::ioctl(fd, command, &id);
  }
  const int result = real::ioctl(fd, command, argument);
  if (result == 0 && (command == TIOCGPGRP || command == TIOCGSID || command == FIOGETOWN || command == SIOCGPGRP))
    *static_cast<int*>(argument) = programs_owner(*static_cast<int*>(argument));
  return result;
}

STASIS_EXPORT pid_t tcgetpgrp(int fd) noexcept { return programs_id(real::tcgetpgrp(fd)); }
STASIS_EXPORT int tcsetpgrp(int fd, pid_t group) noexcept { return real::tcsetpgrp(fd, kernels_id(group)); }
STASIS_EXPORT pid_t tcgetsid(int fd) noexcept { return programs_id(real::tcgetsid(fd)); }
