// Signal masks and waits: the stop signal is never blocked and never waited for, whatever set the program gives.
//
// Calls that wait hold nothing across the wait: they may be cancelled, which runs no destructor here.
// World: hijack, any thread, also in signal handlers.
#include <errno.h>

#include <cstddef>

#include "core/environment.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/virt/siginfo.hpp"

using namespace stasis::hijack;

namespace {

// `given` without the stop signal: itself if the signal is not in it, otherwise a copy.
class Without {
 public:
  explicit Without(const sigset_t* given) noexcept : set_(given) {
    if (given == nullptr || settings.standing != Standing::member || sigismember(given, stasis::kStopSignal) != 1) return;
    copy_ = *given;
    sigdelset(&copy_, stasis::kStopSignal);
    set_ = &copy_;
  }
  Without(const Without&) = delete;
  operator const sigset_t*() const noexcept { return set_; }

 private:
  const sigset_t* set_;
  sigset_t copy_;
};

// An exec under way in another frame of this thread blocks the signal: the program must not learn of it.
void hide(sigset_t* old) noexcept {
  if (old != nullptr && settings.standing == Standing::member) sigdelset(old, stasis::kStopSignal);
}

int told(int result, siginfo_t* info) noexcept {
  if (result > 0 && info != nullptr && ids_are_virtual()) tell_program(*info);
  return result;
}

}  // namespace

STASIS_EXPORT int sigprocmask(int how, const sigset_t* set, sigset_t* old) noexcept {
  const int result = how == SIG_UNBLOCK ? real::sigprocmask(how, set, old) : real::sigprocmask(how, Without(set), old);
  if (result == 0) hide(old);
  return result;
}

STASIS_EXPORT int pthread_sigmask(int how, const sigset_t* set, sigset_t* old) noexcept {
  const int result = how == SIG_UNBLOCK ? real::pthread_sigmask(how, set, old) : real::pthread_sigmask(how, Without(set), old);
  if (result == 0) hide(old);
  return result;
}

STASIS_EXPORT int sighold(int number) noexcept {
  return number == stasis::kStopSignal && settings.standing == Standing::member ? 0 : real::sighold(number);
}

STASIS_EXPORT int sigsuspend(const sigset_t* mask) { return real::sigsuspend(Without(mask)); }
STASIS_EXPORT int sigwait(const sigset_t* set, int* number) { return real::sigwait(Without(set), number); }
STASIS_EXPORT int sigwaitinfo(const sigset_t* set, siginfo_t* info) { return told(real::sigwaitinfo(Without(set), info), info); }
STASIS_EXPORT int sigtimedwait(const sigset_t* set, siginfo_t* info, const struct timespec* timeout) {
  return told(real::sigtimedwait(Without(set), info, timeout), info);
}

STASIS_EXPORT int ppoll(struct pollfd* fds, nfds_t count, const struct timespec* timeout, const sigset_t* mask) {
  return real::ppoll(fds, count, timeout, Without(mask));
}
STASIS_EXPORT int __ppoll_chk(struct pollfd* fds, nfds_t count, const struct timespec* timeout, const sigset_t* mask, std::size_t size) {
  return real::__ppoll_chk(fds, count, timeout, Without(mask), size);
}
STASIS_EXPORT int pselect(int count, fd_set* in, fd_set* out, fd_set* except, const struct timespec* timeout, const sigset_t* mask) {
  return real::pselect(count, in, out, except, timeout, Without(mask));
}
STASIS_EXPORT int epoll_pwait(int epoll, struct epoll_event* events, int size, int timeout, const sigset_t* mask) {
  return real::epoll_pwait(epoll, events, size, timeout, Without(mask));
}
STASIS_EXPORT int epoll_pwait2(int epoll, struct epoll_event* events, int size, const struct timespec* timeout, const sigset_t* mask) {
  return real::epoll_pwait2(epoll, events, size, timeout, Without(mask));
}
STASIS_EXPORT int signalfd(int fd, const sigset_t* mask, int flags) noexcept { return real::signalfd(fd, Without(mask), flags); }
