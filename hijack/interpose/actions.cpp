// Signal actions: the program may set any but the stop signal's, which it only believes to set.
//
// World: hijack, any thread, also in signal handlers.
#include <errno.h>

#include <cstddef>

#include "core/environment.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/interpose/real.hpp"

using namespace stasis::hijack;

namespace {

// What the program set for the stop signal: never acts, is only read back.
constinit struct sigaction believed = {};

bool is_ours(int signal) noexcept { return signal == stasis::kStopSignal && settings.standing == Standing::member; }

sighandler_t believe(sighandler_t handler) noexcept {
  const sighandler_t old = believed.sa_handler;
  believed = {};
  believed.sa_handler = handler;
  return old;
}

}  // namespace

STASIS_EXPORT int sigaction(int signal, const struct sigaction* action, struct sigaction* old) noexcept {
  if (is_ours(signal)) {
    const struct sigaction before = believed;
    if (action != nullptr) believed = *action;
    if (old != nullptr) *old = before;
    return 0;
  }
  if (action == nullptr || settings.standing != Standing::member || sigismember(&action->sa_mask, stasis::kStopSignal) != 1)
    return real::sigaction(signal, action, old);
  struct sigaction without = *action;
  sigdelset(&without.sa_mask, stasis::kStopSignal);
  return real::sigaction(signal, &without, old);
}

STASIS_EXPORT sighandler_t signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(handler) : real::signal(number, handler);
}
STASIS_EXPORT sighandler_t sysv_signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(handler) : real::sysv_signal(number, handler);
}
STASIS_EXPORT sighandler_t __sysv_signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(handler) : real::__sysv_signal(number, handler);
}
STASIS_EXPORT sighandler_t bsd_signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(handler) : real::bsd_signal(number, handler);
}
STASIS_EXPORT sighandler_t ssignal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(handler) : real::ssignal(number, handler);
}
STASIS_EXPORT sighandler_t sigset(int number, sighandler_t handler) noexcept {
  if (!is_ours(number)) return real::sigset(number, handler);
  return handler == SIG_HOLD ? believed.sa_handler : believe(handler);
}
STASIS_EXPORT int sigignore(int number) noexcept {
  if (!is_ours(number)) return real::sigignore(number);
  believe(SIG_IGN);
  return 0;
}
STASIS_EXPORT int siginterrupt(int number, int flag) noexcept { return is_ours(number) ? 0 : real::siginterrupt(number, flag); }
