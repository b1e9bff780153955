// Ids that come with signals.
//
// World: hijack, any thread, also in signal handlers.
#pragma once
#include <signal.h>

#include "hijack/virt/ids.hpp"

namespace stasis::hijack {

// Whether the signal tells who sent it, or who has ended (sigaction(2)).
inline bool tells_process(const siginfo_t& info) noexcept {
  return info.si_code == SI_USER || info.si_code == SI_QUEUE || info.si_code == SI_TKILL || info.si_code == SI_MESGQ || (info.si_signo == SIGCHLD && info.si_code > 0);
}

// As the kernel gives it -> as the program is told.
inline void tell_program(siginfo_t& info) noexcept {
  if (tells_process(info)) info.si_pid = programs_id(info.si_pid);
}

// Handlers that take a siginfo_t are called by one of ours when ids are virtual. Program's and kernel's action of a signal, in either direction; the first also notes
// the program's handler, for it is going to be set.
void put_between(int signal, struct sigaction& action) noexcept;
void* noted_handler(int signal) noexcept;
bool is_between(const void* kernels_handler) noexcept;
inline void* programs_handler(int signal, void* kernels_handler) noexcept { return is_between(kernels_handler) ? noted_handler(signal) : kernels_handler; }
// After a restart: puts ours between for all actions that have been brought back.
void put_between_all() noexcept;

}  // namespace stasis::hijack
