// Signal actions: the program may set any but the stop signal's, which it only believes to set, and those of notices, which we keep for it.
//
// World: hijack, any thread, also in signal handlers.
#include <errno.h>

#include <cstddef>

#include "core/environment.hpp"
#include "hijack/engine/notice.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/interpose/real.hpp"

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

// signal(2), "Portability": what the BSD and the System V forms mean.
constexpr int kBsd = SA_RESTART;
constexpr int kSystemV = static_cast<int>(SA_RESETHAND) | SA_NODEFER;

}  // namespace

STASIS_EXPORT int sigaction(int signal, const struct sigaction* action, struct sigaction* old) noexcept {
  if (is_ours(signal)) return believe(signal, action, old);
  if (action == nullptr || settings.standing != Standing::member || sigismember(&action->sa_mask, stasis::kStopSignal) != 1)
    return real::sigaction(signal, action, old);
  struct sigaction without = *action;
  sigdelset(&without.sa_mask, stasis::kStopSignal);
  return real::sigaction(signal, &without, old);
}

STASIS_EXPORT sighandler_t signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(number, handler, kBsd) : real::signal(number, handler);
}
STASIS_EXPORT sighandler_t sysv_signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(number, handler, kSystemV) : real::sysv_signal(number, handler);
}
STASIS_EXPORT sighandler_t __sysv_signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(number, handler, kSystemV) : real::__sysv_signal(number, handler);
}
STASIS_EXPORT sighandler_t bsd_signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(number, handler, kBsd) : real::bsd_signal(number, handler);
}
STASIS_EXPORT sighandler_t ssignal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(number, handler, kBsd) : real::ssignal(number, handler);
}
STASIS_EXPORT sighandler_t sigset(int number, sighandler_t handler) noexcept {
  if (!is_ours(number)) return real::sigset(number, handler);
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
