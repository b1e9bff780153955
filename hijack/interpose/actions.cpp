// Signal actions: the program may set any but the stop signal's, which it only believes to set, and those of notices, which we keep for it.
//
// World: hijack, any thread, also in signal handlers.
#include <errno.h>

#include <cstddef>

#include "core/environment.hpp"
#include "hijack/engine/notice.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/virt/siginfo.hpp"

using namespace stasis::hijack;

namespace {

// What the program set for the stop signal: never acts, is only read back.
constinit struct sigaction believed = {};

bool is_ours(int signal) noexcept { return (signal == stasis::kStopSignal && settings.standing == Standing::member) || keeps_action(signal); }

int believe(int signal, const struct sigaction* action, struct sigaction* old) noexcept {
  if (keeps_action(signal)) return set_kept_action(signal, action, old);
  const struct sigaction before = believed;
  if (action != nullptr) believed = *action;
  if (old != nullptr) *old = before;
  return 0;
}

sighandler_t believe(int signal, sighandler_t handler, int flags) noexcept {
  struct sigaction action = {}, old;
  action.sa_handler = handler;
  action.sa_flags = flags;
  believe(signal, &action, &old);
  return old.sa_handler;
}

// What the program set, of what the kernel has.
sighandler_t programs(int signal, sighandler_t handler) noexcept {
  return ids_are_virtual() && handler != SIG_ERR && signal > 0 && signal <= 64 ? reinterpret_cast<sighandler_t>(programs_handler(signal, reinterpret_cast<void*>(handler))) : handler;
}

// signal(2), "Portability": what the BSD and the System V forms mean.
constexpr int kBsd = SA_RESTART;
constexpr int kSystemV = static_cast<int>(SA_RESETHAND) | SA_NODEFER;

}  // namespace

STASIS_EXPORT int sigaction(int signal, const struct sigaction* action, struct sigaction* old) noexcept {
  if (is_ours(signal)) return believe(signal, action, old);
  if (settings.standing != Standing::member || (!ids_are_virtual() && (action == nullptr || sigismember(&action->sa_mask, stasis::kStopSignal) != 1)))
    return real::sigaction(signal, action, old);
  struct sigaction ours;
  if (action != nullptr) {
    ours = *action;
    sigdelset(&ours.sa_mask, stasis::kStopSignal);
  }
  void* const noted = noted_handler(signal);  // what the program had set, before its successor is noted
  if (action != nullptr) put_between(signal, ours);
  const int result = real::sigaction(signal, action == nullptr ? nullptr : &ours, old);
  if (result == 0 && old != nullptr && is_between(reinterpret_cast<void*>(old->sa_handler))) old->sa_handler = reinterpret_cast<sighandler_t>(noted);
  return result;
}

STASIS_EXPORT sighandler_t signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(number, handler, kBsd) : programs(number, real::signal(number, handler));
}
STASIS_EXPORT sighandler_t sysv_signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(number, handler, kSystemV) : programs(number, real::sysv_signal(number, handler));
}
STASIS_EXPORT sighandler_t __sysv_signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(number, handler, kSystemV) : programs(number, real::__sysv_signal(number, handler));
}
STASIS_EXPORT sighandler_t bsd_signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(number, handler, kBsd) : programs(number, real::bsd_signal(number, handler));
}
STASIS_EXPORT sighandler_t ssignal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(number, handler, kBsd) : programs(number, real::ssignal(number, handler));
}
STASIS_EXPORT sighandler_t sigset(int number, sighandler_t handler) noexcept {
  if (!is_ours(number)) return programs(number, real::sigset(number, handler));
  if (handler != SIG_HOLD) return believe(number, handler, 0);
  real::sighold(number == stasis::kStopSignal ? 0 : number);
  struct sigaction old;
  believe(number, nullptr, &old);
  return old.sa_handler;
}
STASIS_EXPORT int sigignore(int number) noexcept {
  if (!is_ours(number)) return real::sigignore(number);
  believe(number, SIG_IGN, 0);
  return 0;
}
STASIS_EXPORT int siginterrupt(int number, int flag) noexcept {
  if (!is_ours(number)) return real::siginterrupt(number, flag);
  struct sigaction action;
  believe(number, nullptr, &action);
  action.sa_flags = flag != 0 ? action.sa_flags & ~SA_RESTART : action.sa_flags | SA_RESTART;
  return believe(number, &action, nullptr);
}
