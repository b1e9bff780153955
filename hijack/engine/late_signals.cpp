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
#include "hijack/engine/rest_of_call.hpp"
#include "hijack/engine/saved_state.hpp"

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
  if (told != 0) *reinterpret_cast<timespec*>(told) = *reinterpret_cast<const timespec*>(left);
}

}  // namespace

void let_signals_interrupt(ucontext_t& context, const greg_t* before, bool was_asleep) noexcept {
  greg_t* registers = context.uc_mcontext.gregs;
  RestOfCall* rest = interrupted_rest(registers);
  const bool goes_on = rest != nullptr && rest->is_interrupted != 0 && registers[REG_RAX] > 0;
  const bool is_rewound = registers[REG_RIP] != before[REG_RIP];
  const bool is_restarted = !goes_on && !is_rewound && is_at_call(registers) && is_restarted_on_request(registers) && (was_asleep || can_wait(registers));
  if (!goes_on && !is_rewound && !is_restarted) return;
  std::uint64_t blocked = 0;
  std::memcpy(&blocked, &context.uc_sigmask, sizeof blocked);
  if (!is_interrupted(blocked | blocked_in_call(registers), is_restarted)) return;
  if (goes_on) {
    rest->is_interrupted = 0;
  } else if (is_restarted) {
    registers[REG_RAX] = -EINTR;
    registers[REG_RIP] += 2;
  } else {
    if (is_at_call(registers)) tell_rest_of_sleep(registers, before);
    std::memcpy(registers, before, sizeof context.uc_mcontext.gregs);
  }
}

}  // namespace stasis::hijack
