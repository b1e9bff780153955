// Waiting for children, whom the kernel calls otherwise than the program.
//
// A call that a checkpoint found waiting may return after a restart: what it returns is translated then, even if what it was given was not
// (restart_call.hpp, await_id). Who has been waited for is gone, and so is his entry in the table; the kernel may give his id to others from then on.
// World: hijack, any thread; a thread may be cancelled while it waits, so nothing is held across the wait.
#include <sys/wait.h>

#include <cerrno>
#include <cstddef>

#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"

using namespace stasis::hijack;

namespace {

// The program's id of a child that was waited for with this result.
pid_t waited(pid_t kernels, int status) noexcept {
  if (kernels <= 0) return kernels;
  const pid_t known = programs_id(kernels);
  if (WIFEXITED(status) || WIFSIGNALED(status)) forget_id(kernels);
  return known;
}

}  // namespace

STASIS_EXPORT pid_t wait4(pid_t pid, int* status, int options, struct rusage* usage) noexcept {
  int found = 0;
  const pid_t kernels = real::wait4(kernels_id(pid), &found, options, usage);
  if (kernels > 0 && status != nullptr) *status = found;
  return waited(kernels, found);
}

STASIS_EXPORT pid_t wait3(int* status, int options, struct rusage* usage) noexcept {
  return wait4(-1, status, options, usage);
}

STASIS_EXPORT pid_t waitpid(pid_t pid, int* status, int options) {
  int found = 0;
  const pid_t kernels = real::waitpid(kernels_id(pid), &found, options);
  if (kernels > 0 && status != nullptr) *status = found;
  return waited(kernels, found);
}

STASIS_EXPORT pid_t __waitpid(pid_t pid, int* status, int options) { return waitpid(pid, status, options); }
STASIS_EXPORT pid_t wait(int* status) { return waitpid(-1, status, 0); }

STASIS_EXPORT int waitid(idtype_t type, id_t id, siginfo_t* info, int options) {
  const bool names = type == P_PID || (type == P_PGID && id != 0);
  siginfo_t found = {};
  const int result = real::waitid(type, names ? static_cast<id_t>(kernels_id(static_cast<pid_t>(id))) : id, &found, options);
  if (result != 0) return result;
  const pid_t kernels = found.si_pid;
  const bool ended = found.si_code == CLD_EXITED || found.si_code == CLD_KILLED || found.si_code == CLD_DUMPED;
  found.si_pid = programs_id(kernels);
  if (kernels != 0 && ended && (options & WNOWAIT) == 0) forget_id(kernels);
  if (info != nullptr) *info = found;
  return 0;
}

STASIS_EXPORT int pclose(FILE* stream) {
  if (!ids_are_virtual()) return real::pclose(stream);
  // The child follows the stream's table (struct _IO_proc_file of the C library). Of one that was opened before the restart it is as the program knows it; of
  // others the kernel's, which is the same but where the program knew somebody else by it. That one cannot be told apart but by being our child.
  struct Piped {
    FILE file;
    const void* table;
    pid_t child;
  };
  auto& piped = *reinterpret_cast<Piped*>(stream);
  const pid_t known = piped.child, kernels = kernels_id(known);
  siginfo_t info;
  info.si_pid = 0;
  if (kernels != known && real::waitid(P_PID, static_cast<id_t>(kernels), &info, WEXITED | WNOWAIT | WNOHANG) == 0) piped.child = kernels;
  const pid_t child = piped.child;
  const int result = real::pclose(stream);
  if (result != -1) forget_id(child);
  return result;
}
