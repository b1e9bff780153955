// Programs that replace themselves or start others.
//
// Between the old program's handlers and the new one's, the stop signal would be deadly: an exec blocks it first, and the new program's
// start-up finds it pending. posix_spawn needs no such care: its child has no slot in the member table before it has started up.
// World: hijack, any thread, also between vfork and exec.
#include <errno.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include <cstddef>

#include "core/environment.hpp"
#include "core/sys/syscall.hpp"
#include "hijack/engine/membership.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/interpose/launcher.hpp"
#include "hijack/interpose/new_environment.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"
#include "hijack/virt/proc_paths.hpp"

extern "C" char** environ;

namespace stasis::hijack {
namespace {

constexpr std::uint64_t kStopMask = std::uint64_t{1} << (kStopSignal - 1);

// Runs `exec`, which returns only if it failed; then everything is as it was.
template <class Exec>
int without_stop_signal(Exec&& exec) noexcept {
  if (settings.standing != Standing::member) return exec();
  std::uint64_t old = 0;
  sys::call(SYS_rt_sigprocmask, SIG_BLOCK, &kStopMask, &old, sizeof old);
  const bool member = is_member_process();
  if (member) write_slot(MemberState::exec);
  const int result = exec();
  const int reason = errno;
  if (member) write_slot(MemberState::running);
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, &old, nullptr, sizeof old);
  errno = reason;
  return result;
}

std::size_t count_arguments(const char* first, va_list list) noexcept {
  std::size_t count = 0;
  for (const char* next = first; next != nullptr; next = va_arg(list, const char*)) ++count;
  return count;
}

void fill_arguments(char** argv, const char* first, va_list list) noexcept {
  for (const char* next = first; next != nullptr; next = va_arg(list, const char*)) *argv++ = const_cast<char*>(next);
  *argv = nullptr;
}

}  // namespace
}  // namespace stasis::hijack

using namespace stasis::hijack;

STASIS_EXPORT int execve(const char* given, char* const argv[], char* const envp[]) noexcept {
  const KernelsPath kernels(given);
  const char* path = kernels;
  char* const* merged = STASIS_MERGED(envp);
  Launcher launcher;
  if (launcher.look_at(path)) argv = STASIS_PROXY_ARGUMENTS(launcher, argv), path = launcher.proxy();
  return without_stop_signal([&] { return real::execve(path, argv, merged); });
}

STASIS_EXPORT int execv(const char* path, char* const argv[]) noexcept { return execve(path, argv, environ); }

STASIS_EXPORT int execvpe(const char* given, char* const argv[], char* const envp[]) noexcept {
  const KernelsPath kernels(given);
  const char* file = kernels;
  char* const* merged = STASIS_MERGED(envp);
  Launcher launcher;
  if (launcher.look_for(file)) argv = STASIS_PROXY_ARGUMENTS(launcher, argv), file = launcher.proxy();
  return without_stop_signal([&] { return real::execvpe(file, argv, merged); });
}

STASIS_EXPORT int execvp(const char* file, char* const argv[]) noexcept { return execvpe(file, argv, environ); }

STASIS_EXPORT int fexecve(int fd, char* const argv[], char* const envp[]) noexcept {
  char* const* merged = STASIS_MERGED(envp);
  Launcher launcher;
  if (launcher.look_at(fd, "")) {
    argv = STASIS_PROXY_ARGUMENTS(launcher, argv);
    return without_stop_signal([&] { return real::execve(launcher.proxy(), argv, merged); });
  }
  return without_stop_signal([&] { return real::fexecve(fd, argv, merged); });
}

STASIS_EXPORT int execveat(int directory, const char* path, char* const argv[], char* const envp[], int flags) noexcept {
  char* const* merged = STASIS_MERGED(envp);
  Launcher launcher;
  if (launcher.look_at(directory, path)) {
    argv = STASIS_PROXY_ARGUMENTS(launcher, argv);
    return without_stop_signal([&] { return real::execve(launcher.proxy(), argv, merged); });
  }
  return without_stop_signal([&] {
    if (real::execveat.is_there()) return real::execveat(directory, path, argv, merged, flags);
    const long result = stasis::sys::call(SYS_execveat, directory, path, argv, merged, flags);
    errno = static_cast<int>(-result);
    return -1;
  });
}

// The lists end in a null pointer; execle's is followed by the environment.
#define STASIS_ARGUMENTS(argv, first, after)                                  \
  va_list list, again;                                                        \
  va_start(list, first);                                                      \
  va_copy(again, list);                                                       \
  const std::size_t count = count_arguments(first, list);                     \
  [[maybe_unused]] after;                                                     \
  va_end(list);                                                               \
  auto** argv = static_cast<char**>(__builtin_alloca((count + 1) * sizeof(char*))); \
  fill_arguments(argv, first, again);                                         \
  va_end(again)

STASIS_EXPORT int execl(const char* path, const char* argument, ...) noexcept {
  STASIS_ARGUMENTS(argv, argument, const int none = 0);
  return execv(path, argv);
}

STASIS_EXPORT int execlp(const char* file, const char* argument, ...) noexcept {
  STASIS_ARGUMENTS(argv, argument, const int none = 0);
  return execvp(file, argv);
}

STASIS_EXPORT int execle(const char* path, const char* argument, ...) noexcept {
  STASIS_ARGUMENTS(argv, argument, char* const* envp = va_arg(list, char* const*));
  return execve(path, argv, envp);
}

STASIS_EXPORT int posix_spawn(pid_t* pid, const char* given, const posix_spawn_file_actions_t* actions, const posix_spawnattr_t* attributes,
                              char* const argv[], char* const envp[]) noexcept {
  const KernelsPath kernels(given);
  const char* path = kernels;
  Launcher launcher;
  if (launcher.look_at(path)) argv = STASIS_PROXY_ARGUMENTS(launcher, argv), path = launcher.proxy();
  const std::uint64_t since = birth_time();
  const int result = real::posix_spawn(pid, path, actions, attributes, argv, STASIS_MERGED(envp));
  if (result == 0 && pid != nullptr) *pid = newborn_id(*pid, since);
  return result;
}

STASIS_EXPORT int posix_spawnp(pid_t* pid, const char* given, const posix_spawn_file_actions_t* actions,
                               const posix_spawnattr_t* attributes, char* const argv[], char* const envp[]) noexcept {
  const KernelsPath kernels(given);
  const char* file = kernels;
  Launcher launcher;
  if (launcher.look_for(file)) argv = STASIS_PROXY_ARGUMENTS(launcher, argv), file = launcher.proxy();
  const std::uint64_t since = birth_time();
  const int result = real::posix_spawnp(pid, file, actions, attributes, argv, STASIS_MERGED(envp));
  if (result == 0 && pid != nullptr) *pid = newborn_id(*pid, since);
  return result;
}
