// Signals that come while a thread stands still, see late_signals.hpp.
// World: hijack, the thread itself.
#include "hijack/engine/late_signals.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "core/environment.hpp"
#include "core/sys/syscall.hpp"
#include "hijack/engine/handler_return.hpp"
#include "hijack/engine/rest_of_call.hpp"
#include "hijack/engine/saved_state.hpp"
#include "hijack/engine/stop_signal.hpp"

namespace stasis::hijack {
namespace {

constexpr std::uint64_t bit_of(int signal) noexcept { return std::uint64_t{1} << (signal - 1); }

bool is_at_call(const greg_t* registers) noexcept {
  const auto* code = reinterpret_cast<const unsigned char*>(registers[REG_RIP]);
  return code[0] == 0x0f && code[1] == 0x05;
}

// Calls that the kernel makes once more after a handler with SA_RESTART, and ends after one without (signal(7)).
bool is_restarted_on_request(const greg_t* registers) noexcept {
  switch (registers[REG_RAX]) {
    case SYS_read: case SYS_readv: case SYS_recvfrom: case SYS_recvmsg: case SYS_recvmmsg: case SYS_accept: case SYS_accept4: case SYS_connect:
    case SYS_write: case SYS_writev: case SYS_pwritev2: case SYS_sendto: case SYS_sendmsg: case SYS_sendmmsg: case SYS_sendfile: case SYS_splice: case SYS_tee: case SYS_vmsplice:
    case SYS_open: case SYS_openat: case SYS_wait4: case SYS_waitid: case SYS_flock: case SYS_fcntl: case SYS_mq_timedsend: case SYS_mq_timedreceive: return true;
    case SYS_futex: {
      const auto operation = registers[REG_RSI] & FUTEX_CMD_MASK;
      return operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET;
    }
    default: return false;
  }
}

// Whether such a call can wait, so that a signal may end it at its very beginning: it is not known whether the thread had been waiting, if it had just come there.
bool can_wait(const greg_t* registers) noexcept {
  switch (registers[REG_RAX]) {
    case SYS_futex: return true;
    case SYS_wait4: return (registers[REG_RDX] & WNOHANG) == 0;
    case SYS_waitid: return (registers[REG_R10] & WNOHANG) == 0;
    case SYS_recvfrom: case SYS_sendto:
      if ((registers[REG_R10] & MSG_DONTWAIT) != 0) return false;
      break;
    case SYS_recvmsg: case SYS_sendmsg:
      if ((registers[REG_RDX] & MSG_DONTWAIT) != 0) return false;
      break;
    case SYS_read: case SYS_readv: case SYS_write: case SYS_writev: case SYS_accept: case SYS_accept4: break;
    default: return false;
  }
  struct stat file;
  const greg_t fd = registers[REG_RDI];
  const long flags = sys::call(SYS_fcntl, fd, F_GETFL);
  return flags >= 0 && (flags & O_NONBLOCK) == 0 && sys::call(SYS_fstat, fd, &file) == 0 && (S_ISFIFO(file.st_mode) || S_ISSOCK(file.st_mode) || S_ISCHR(file.st_mode));
}

// Calls that any handler ends, and that do nothing but wait, if they do.
bool waits(const greg_t* registers) noexcept {
  switch (registers[REG_RAX]) {
    case SYS_pause: case SYS_rt_sigsuspend: case SYS_nanosleep: case SYS_clock_nanosleep: return true;
    case SYS_poll: return static_cast<std::int32_t>(registers[REG_RDX]) != 0;
    case SYS_epoll_wait: case SYS_epoll_pwait: return static_cast<std::int32_t>(registers[REG_R10]) != 0;
    default: return false;
  }
}

// The signals that a rewound call blocks while it waits.
std::uint64_t blocked_in_call(const greg_t* registers) noexcept {
  greg_t mask = 0;
  switch (is_at_call(registers) ? registers[REG_RAX] : -1) {
    case SYS_ppoll: mask = registers[REG_R10]; break;
    case SYS_epoll_pwait: case SYS_epoll_pwait2: mask = registers[REG_R8]; break;
    case SYS_rt_sigsuspend: mask = registers[REG_RDI]; break;
    case SYS_pselect6:
      if (registers[REG_R9] != 0) mask = *reinterpret_cast<const greg_t*>(registers[REG_R9]);  // the first of two: the mask and its size
      break;
    default: break;
  }
  return mask != 0 ? *reinterpret_cast<const std::uint64_t*>(mask) : 0;
}

// Takes a signal that waits for the whole process to this thread; false if another thread has it by now.
bool claim(int signal) noexcept {
  const std::uint64_t only = bit_of(signal);
  const timespec none{};
  siginfo_t info = {};
  if (sys::call(SYS_rt_sigtimedwait, &only, &info, &none, sizeof only) != signal) return false;
  sys::call(SYS_rt_tgsigqueueinfo, sys::call(SYS_getpid), sys::call(SYS_gettid), signal, &info);
  return true;
}

// Whether a handler is about to run in this thread that ends its call; `leaves_restarts` says that one with SA_RESTART does not.
bool is_interrupted(std::uint64_t blocked, bool leaves_restarts) noexcept {
  std::uint64_t pending = 0;
  sys::call(SYS_rt_sigpending, &pending, sizeof pending);
  pending &= ~blocked & ~bit_of(kStopSignal);
  for (int signal = 1; pending != 0 && signal <= 64; ++signal) {
    if ((pending & bit_of(signal)) == 0) continue;
    KernelAction action{};
    sys::call(SYS_rt_sigaction, signal, nullptr, &action, sizeof action.mask);
    if (action.handler == reinterpret_cast<void*>(SIG_DFL) || action.handler == reinterpret_cast<void*>(SIG_IGN)) continue;
    if (leaves_restarts && (action.flags & SA_RESTART) != 0) return false;  // the first one counts
    if (claim(signal)) return true;
  }
  return false;
}

// A sleep that ends tells how much was left: of what has passed since the thread was stopped too.
void tell_rest_of_sleep(const greg_t* rewound, const greg_t* before) noexcept {
  greg_t left = 0, told = 0;
  if (rewound[REG_RAX] == SYS_nanosleep) left = rewound[REG_RDI], told = before[REG_RSI];
  if (rewound[REG_RAX] == SYS_clock_nanosleep && (rewound[REG_RSI] & TIMER_ABSTIME) == 0) left = rewound[REG_RDX], told = before[REG_R10];
  if (told != 0 && left != 0) *reinterpret_cast<timespec*>(told) = *reinterpret_cast<const timespec*>(left);
}

// How a thread goes on after a stop that a signal may end.
enum class GoesOn : std::uint8_t {
  otherwise,     // no signal has to do with it
  with_rest,     // of a call (rest_of_call.hpp)
  with_rewound,  // the call that we interrupted: any handler ends it
  with_call,     // which the thread has just come to: any handler ends it
  if_restarted,  // likewise, or the kernel makes it once more, unless a handler without SA_RESTART runs
};

GoesOn how_it_goes_on(const greg_t* registers, const ThreadState& state) noexcept {
  if (const RestOfCall* rest = interrupted_rest(registers); rest != nullptr && rest->is_interrupted != 0 && registers[REG_RAX] > 0) return GoesOn::with_rest;
  if (registers[REG_RIP] != state.before[REG_RIP]) return GoesOn::with_rewound;
  if (!is_at_call(registers)) return GoesOn::otherwise;
  if (is_restarted_on_request(registers)) return state.was_asleep || can_wait(registers) ? GoesOn::if_restarted : GoesOn::otherwise;
  return waits(registers) ? GoesOn::with_call : GoesOn::otherwise;
}

void end_call(greg_t* registers, const ThreadState& state, GoesOn how) noexcept {
  if (how == GoesOn::with_rest) {
    interrupted_rest(registers)->is_interrupted = 0;
  } else if (how == GoesOn::with_rewound) {
    if (is_at_call(registers)) tell_rest_of_sleep(registers, state.before);
    std::memcpy(registers, state.before, sizeof state.before);
  } else {
    if (how == GoesOn::with_call) tell_rest_of_sleep(registers, registers);
    registers[REG_RAX] = -EINTR;
    registers[REG_RIP] += 2;
  }
}

}  // namespace

void let_signals_interrupt(ucontext_t& context, const ThreadState& state) noexcept {
  greg_t* registers = context.uc_mcontext.gregs;
  const GoesOn how = how_it_goes_on(registers, state);
  if (how == GoesOn::otherwise) return;
  const bool leaves_restarts = how == GoesOn::if_restarted && !is_in_rest(registers);
  if (is_interrupted(blocked_in(context) | blocked_in_call(registers), leaves_restarts)) end_call(registers, state, how);
  else if (how == GoesOn::with_rest || is_at_call(registers)) mark_as_about_to_go_on(registers, state);
}

bool let_handler_interrupt(ucontext_t& context, const ThreadState& state, bool restarts) noexcept {
  greg_t* registers = context.uc_mcontext.gregs;
  const GoesOn how = how_it_goes_on(registers, state);
  if (how == GoesOn::otherwise || how == GoesOn::with_rest || (how == GoesOn::if_restarted && restarts)) return false;
  if ((blocked_in_call(registers) & ~blocked_in(context)) != 0) return false;  // it may have been one that the call blocks
  end_call(registers, state, how);
  return true;
}

}  // namespace stasis::hijack
