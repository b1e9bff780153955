// Signal actions: the program may set any but the stop signal's, which it only believes to set, and those of notices, which we keep for it.
//
// World: hijack, any thread, also in signal handlers.
#include <errno.h>

#include <cstddef>

#include "core/environment.hpp"
#include "hijack/engine/handler_return.hpp"
#include "hijack/engine/notice.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/engine/stop_signal.hpp"
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

// Around what sets an action: the engine has to do with it, too.
class NewAction {
 public:
  NewAction(int signal, const void* handler) noexcept : signal_(signal), is_ignored_(signal < 1 || signal > 64 || is_ignored(signal, handler)) {
    if (!is_ignored_) admit_signal(signal_, false);
  }
  void is_set() const noexcept {
    if (is_ignored_) admit_signal(signal_, true);
    else return_past_us(signal_);
  }

 private:
  int signal_;
  bool is_ignored_;
};

// By one of the functions that are older than sigaction(2). Returns what the program had set before.
template <class Set>
sighandler_t set(int signal, sighandler_t handler, Set by) noexcept {
  if (settings.standing != Standing::member) return by(signal, handler);
  const NewAction action(signal, reinterpret_cast<void*>(handler));
  const sighandler_t before = by(signal, handler);
  if (before == SIG_ERR) return before;
  action.is_set();
  return ids_are_virtual() ? reinterpret_cast<sighandler_t>(programs_handler(signal, reinterpret_cast<void*>(before))) : before;
}

// signal(2), "Portability": what the BSD and the System V forms mean.
constexpr int kBsd = SA_RESTART;
constexpr int kSystemV = static_cast<int>(SA_RESETHAND) | SA_NODEFER;

}  // namespace

STASIS_EXPORT int sigaction(int signal, const struct sigaction* action, struct sigaction* old) noexcept {
  if (is_ours(signal)) return believe(signal, action, old);
  if (settings.standing != Standing::member || (action == nullptr && !ids_are_virtual())) return real::sigaction(signal, action, old);
  struct sigaction ours;
  if (action != nullptr) {
    ours = *action;
    sigdelset(&ours.sa_mask, stasis::kStopSignal);
  }
  void* const noted = noted_handler(signal);  // what the program had set, before its successor is noted
  if (action != nullptr) put_between(signal, ours);
  int result;
  if (action == nullptr) {
    result = real::sigaction(signal, nullptr, old);
  } else {
    const NewAction now(signal, reinterpret_cast<void*>(action->sa_handler));
    result = real::sigaction(signal, &ours, old);
    if (result == 0) now.is_set();
  }
  if (result == 0 && old != nullptr && is_between(reinterpret_cast<void*>(old->sa_handler))) old->sa_handler = reinterpret_cast<sighandler_t>(noted);
  return result;
}

STASIS_EXPORT sighandler_t signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(number, handler, kBsd) : set(number, handler, real::signal);
}
STASIS_EXPORT sighandler_t sysv_signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(number, handler, kSystemV) : set(number, handler, real::sysv_signal);
}
STASIS_EXPORT sighandler_t __sysv_signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(number, handler, kSystemV) : set(number, handler, real::__sysv_signal);
}
STASIS_EXPORT sighandler_t bsd_signal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(number, handler, kBsd) : set(number, handler, real::bsd_signal);
}
STASIS_EXPORT sighandler_t ssignal(int number, sighandler_t handler) noexcept {
  return is_ours(number) ? believe(number, handler, kBsd) : set(number, handler, real::ssignal);
}
STASIS_EXPORT sighandler_t sigset(int number, sighandler_t handler) noexcept {
  if (!is_ours(number)) return set(number, handler, real::sigset);
  if (handler != SIG_HOLD) return believe(number, handler, 0);
  real::sighold(number == stasis::kStopSignal ? 0 : number);
  struct sigaction old;
  believe(number, nullptr, &old);
  return old.sa_handler;
}
STASIS_EXPORT int sigignore(int number) noexcept {
  if (!is_ours(number)) {
    const int result = real::sigignore(number);
    if (result == 0 && settings.standing == Standing::member) admit_signal(number, true);
    return result;
  }
  believe(number, SIG_IGN, 0);
  return 0;
}
STASIS_EXPORT int siginterrupt(int number, int flag) noexcept {
  if (!is_ours(number)) {
    const int result = real::siginterrupt(number, flag);
    if (result == 0 && settings.standing == Standing::member) return_past_us(number);  // the C library has set it anew
    return result;
  }
  struct sigaction action;
  believe(number, nullptr, &action);
  action.sa_flags = flag != 0 ? action.sa_flags & ~SA_RESTART : action.sa_flags | SA_RESTART;
  return believe(number, &action, nullptr);
}
