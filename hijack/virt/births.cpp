// New processes: as whom the program knows a child, on the parent's side. The child's own is in interpose/fork.cpp.
//
// The kernel may give a child an id by which the program knows somebody else; then it gets another name.
// World: hijack, any thread.
#include <pty.h>
#include <sched.h>

#include <cerrno>
#include <cstdarg>
#include <cstddef>

#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"

using namespace stasis::hijack;

// The two halves of vfork (vfork.S): before it, and in the parent when the child has gone its own way.
extern "C" [[gnu::visibility("hidden"), gnu::used]] std::uint64_t stasis_before_vfork() noexcept { return birth_time(); }
extern "C" [[gnu::visibility("hidden"), gnu::used]] pid_t stasis_after_vfork(long result, std::uint64_t since) noexcept {
  if (result > 0) return newborn_id(static_cast<std::int32_t>(result), since);
  errno = static_cast<int>(-result);
  return -1;
}

STASIS_EXPORT pid_t fork() noexcept {
  const std::uint64_t since = birth_time();
  const pid_t pid = real::fork();
  return pid > 0 ? newborn_id(pid, since) : pid;
}

STASIS_EXPORT pid_t __fork() noexcept { return fork(); }

STASIS_EXPORT pid_t forkpty(int* master, char* name, const struct termios* modes, const struct winsize* size) noexcept {
  const std::uint64_t since = birth_time();
  const pid_t pid = real::forkpty(master, name, modes, size);
  return pid > 0 ? newborn_id(pid, since) : pid;
}

STASIS_EXPORT int clone(int (*function)(void*), void* stack, int flags, void* argument, ...) noexcept {
  va_list list;
  va_start(list, argument);
  auto* parent_tid = va_arg(list, pid_t*);
  void* tls = va_arg(list, void*);
  auto* child_tid = va_arg(list, pid_t*);
  va_end(list);
  const std::uint64_t since = birth_time();
  const int kernels = real::clone(function, stack, flags, argument, parent_tid, tls, child_tid);
  if (kernels <= 0 || !ids_are_virtual()) return kernels;
  const int known = newborn_id(kernels, since);
  if ((flags & CLONE_PARENT_SETTID) != 0 && parent_tid != nullptr) *parent_tid = known;
  return known;
}
