// System calls by number, as programs make them that the C library has no function for (syscall(2)), when ids are virtual, or clocks are not the machine's.
// World: hijack, any thread, also in signal handlers and between vfork and exec.
#include <fcntl.h>
#include <linux/ioprio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "core/sys/syscall.hpp"
#include "hijack/engine/restart_call.hpp"
#include "hijack/interpose/real.hpp"
#include "hijack/virt/ids.hpp"
#include "hijack/virt/machine_clocks.hpp"

using namespace stasis::hijack;

namespace {

long kernels(long id) noexcept { return kernels_id(static_cast<std::int32_t>(id)); }

}  // namespace

extern "C" [[gnu::visibility("hidden"), gnu::used]] long stasis_failed_call(long result) noexcept {
  errno = static_cast<int>(-result);
  return -1;
}

namespace {

constexpr long kFutexWaitv = 449;  // SYS_futex_waitv, Linux 5.16

// A call that waits until `time` by `clock`.
template <class Call>
long until(clockid_t clock, long time, Call&& call) {
  const Deadline deadline(clock, reinterpret_cast<const struct timespec*>(time));
  const long result = call(reinterpret_cast<long>(deadline.kernels()));
  return result < 0 ? stasis_failed_call(result) : result;
}

}  // namespace

extern "C" [[gnu::visibility("hidden"), gnu::used]] long stasis_translated_call(long number, long a, long b, long c, long d, long e, long f) noexcept {
  switch (number) {
    case SYS_getpid: case SYS_gettid: case SYS_getppid: case SYS_getpgrp: case SYS_setsid: case SYS_set_tid_address:
    case SYS_getpgid: case SYS_getsid: {
      const long id = stasis::sys::call(number, number == SYS_set_tid_address ? a : kernels(a));
      return id < 0 ? stasis_failed_call(id) : programs_id(static_cast<std::int32_t>(id));
    }
    case SYS_wait4: return ::wait4(static_cast<pid_t>(a), reinterpret_cast<int*>(b), static_cast<int>(c), reinterpret_cast<struct rusage*>(d));
    case SYS_waitid:
      if (e == 0) return ::waitid(static_cast<idtype_t>(a), static_cast<id_t>(b), reinterpret_cast<siginfo_t*>(c), static_cast<int>(d));
      break;
    case SYS_tgkill: case SYS_rt_tgsigqueueinfo: case SYS_setpgid: a = kernels(a), b = kernels(b); break;
    case SYS_kcmp: a = kernels(a), b = kernels(b); break;
    case SYS_kill: case SYS_tkill: case SYS_rt_sigqueueinfo: case SYS_pidfd_open: case SYS_process_vm_readv: case SYS_process_vm_writev: case SYS_prlimit64:
    case SYS_sched_setscheduler: case SYS_sched_getscheduler: case SYS_sched_setparam: case SYS_sched_getparam: case SYS_sched_setattr: case SYS_sched_getattr:
    case SYS_sched_setaffinity: case SYS_sched_getaffinity: case SYS_sched_rr_get_interval: case SYS_get_robust_list: case SYS_move_pages: case SYS_migrate_pages:
      a = kernels(a);
      break;
    case SYS_getpriority: case SYS_setpriority:
      if (a != PRIO_USER) b = kernels(b);
      break;
    case SYS_ioprio_get: case SYS_ioprio_set:
      if (a != IOPRIO_WHO_USER) b = kernels(b);
      break;
    case SYS_ptrace: b = kernels(b); break;
    case SYS_clock_gettime:
      if (counts_from_start(static_cast<clockid_t>(a)) && b != 0) return ::clock_gettime(static_cast<clockid_t>(a), reinterpret_cast<struct timespec*>(b));
      break;
    case SYS_sysinfo: return ::sysinfo(reinterpret_cast<struct sysinfo*>(a));
    case SYS_timerfd_settime: return ::timerfd_settime(static_cast<int>(a), static_cast<int>(b), reinterpret_cast<const struct itimerspec*>(c), reinterpret_cast<struct itimerspec*>(d));
    case SYS_timer_settime: {
      struct itimerspec copy;
      c = reinterpret_cast<long>(kernels_setting(timers_clock(static_cast<int>(a), static_cast<int>(b)), reinterpret_cast<const struct itimerspec*>(c), copy));
      break;
    }
    case SYS_clock_nanosleep:
      if ((b & TIMER_ABSTIME) != 0) return until(static_cast<clockid_t>(a), c, [&](long time) { return stasis::sys::call(number, a, b, time, d); });
      break;
    case SYS_futex:
      if (d != 0 && futex_waits_until(b)) return until(CLOCK_MONOTONIC, d, [&](long time) { return stasis::sys::call(number, a, b, c, time, e, f); });
      break;
    case kFutexWaitv:
      if (d != 0) return until(static_cast<clockid_t>(e), d, [&](long time) { return stasis::sys::call(number, a, b, c, time, e); });
      break;
    default: break;
  }
  const long result = stasis::sys::call(number, a, b, c, d, e, f);
  return result < 0 && result > -4096 ? stasis_failed_call(result) : result;
}
