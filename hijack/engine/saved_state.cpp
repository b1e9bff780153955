// Saving what the kernel holds for the process, see saved_state.hpp.
// World: hijack, leader, all other threads parked.
#include "hijack/engine/saved_state.hpp"

#include <linux/capability.h>
#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "core/environment.hpp"
#include "hijack/engine/main_thread.hpp"
#include "hijack/engine/membership.hpp"
#include "hijack/engine/stop_signal.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/memory.hpp"
#include "hijack/rt/text.hpp"
#include "hijack/virt/siginfo.hpp"

namespace stasis::hijack {

constinit SavedState saved = {};
constinit std::uint64_t initial_affinity[16] = {};

namespace {

constexpr int kGetXcompPermitted = 0x1022;       // ARCH_GET_XCOMP_PERM, asm/prctl.h
constexpr int kPidfdThread = O_EXCL;             // PIDFD_THREAD, linux/pidfd.h, Linux 6.9
constexpr int kPidfdSignalThreadGroup = 2;       // PIDFD_SIGNAL_THREAD_GROUP, likewise
constexpr int kMembarrierRegistrations = 1 << 9; // MEMBARRIER_CMD_GET_REGISTRATIONS, Linux 6.3

std::uint64_t signals_of_thread(std::int32_t tid, std::string_view key) noexcept {
  FixedString<64> path("/proc/self/task/");
  path.append_signed(tid).append("/status");
  char buffer[4096];
  Text value(field_of(read_small(path.c_str(), buffer, sizeof buffer), key));
  return value.number(16) & ~(std::uint64_t{1} << (kStopSignal - 1));
}

// Takes signals out of the queue while `key` shows them as pending, appends them to the list. rt_sigtimedwait(2) takes the thread's own first.
void take_pending(std::int32_t tid, std::string_view key, std::int32_t recorded_tid) noexcept {
  Kept& kept = *saved.kept;
  while (kept.pending_count != kMaximumPending) {
    const std::uint64_t mask = signals_of_thread(tid, key);
    if (mask == 0) return;
    PendingSignal& next = kept.pending[kept.pending_count];
    const timespec none{};
    next.tid = recorded_tid;
    if (sys::call(SYS_rt_sigtimedwait, &mask, &next.info, &none, sizeof mask) <= 0) return;
    next.id = recorded_tid == 0 ? 0 : programs_id(recorded_tid);
    next.sender = tells_process(next.info) ? programs_id(next.info.si_pid) : 0;
    ++kept.pending_count;
  }
}

// A thread can say again what the kernel or kill(2) had sent to the process if it is the main thread, or by a descriptor of itself (Linux 6.9).
OwnedFd thread_descriptor() noexcept { return OwnedFd(sys::call(SYS_pidfd_open, sys::call(SYS_gettid), kPidfdThread)); }

void put_back_for_process(siginfo_t& info) noexcept {
  if (sys::call(SYS_rt_sigqueueinfo, sys::call(SYS_getpid), info.si_signo, &info) != -EPERM) return;
  sys::call(SYS_pidfd_send_signal, thread_descriptor().get(), info.si_signo, &info, kPidfdSignalThreadGroup);
}

void put_back(std::uint32_t first) noexcept {
  const long pid = sys::call(SYS_getpid);
  const long tid = sys::call(SYS_gettid);
  for (std::uint32_t i = first; i < saved.kept->pending_count; ++i) {
    PendingSignal& signal = saved.kept->pending[i];
    if (signal.tid == 0) put_back_for_process(signal.info);
    if (signal.tid == tid) sys::call(SYS_rt_tgsigqueueinfo, pid, tid, signal.info.si_signo, &signal.info);
  }
}

// The leader's and the process's.
Status save_pending(std::int32_t tid) noexcept {
  std::uint64_t pending = 0;
  sys::call(SYS_rt_sigpending, &pending, sizeof pending);
  if ((pending & ~(std::uint64_t{1} << (kStopSignal - 1))) == 0 && saved.kept->pending_count != kMaximumPending) return {};
  const std::uint32_t first = saved.kept->pending_count;
  take_pending(tid, "SigPnd:", tid);
  const bool can_put_back = tid == sys::call(SYS_getpid) || thread_descriptor().ok();
  if (can_put_back) take_pending(tid, "ShdPnd:", 0);
  put_back(first);
  const bool left_out = !can_put_back && signals_of_thread(tid, "ShdPnd:") != 0;
  if (saved.kept->pending_count == kMaximumPending) return error(ErrorCode::unsupported, "more pending signals than can be kept");
  return left_out ? Status(error(ErrorCode::unsupported, "a signal pending for the process cannot be kept by another than its main thread before Linux 6.9")) : Status();
}

// A timer may have expired since the thread looked what it had pending.
void expect_pending(std::int32_t tid, int signal) noexcept {
  Kept& kept = *saved.kept;
  for (std::uint32_t i = 1; i != kept.thread_count; ++i)
    if (kept.threads[i].tid == tid) kept.threads[i].pending |= std::uint64_t{1} << (signal - 1);
}

// /proc/self/timers: "ID: 0\nsignal: 14/0000000000000000\nnotify: signal/pid.123\nClockID: 1\n" for each timer.
Status save_timers(Arena& arena) noexcept {
  Kept& kept = *saved.kept;
  STASIS_TRY_VALUE(const std::string_view file, read_file("/proc/self/timers", arena));
  Text text(file);
  while (!text.done()) {
    Text id(text.line()), signal(text.line()), notify(text.line()), clock(text.line());
    if (kept.timer_count == kMaximumTimers) return error(ErrorCode::unsupported, "more timers than can be kept");
    SavedTimer& timer = kept.timers[kept.timer_count++];
    id.word(), signal.word(), notify.word(), clock.word();
    timer.id = static_cast<std::int32_t>(id.number());
    timer.event.sigev_signo = static_cast<int>(signal.number());
    signal.skip(1);
    timer.event.sigev_value.sival_ptr = reinterpret_cast<void*>(signal.number(16));
    notify.skip_blanks();
    const std::string_view how = notify.rest();
    timer.event.sigev_notify = how.starts_with("none") ? SIGEV_NONE : SIGEV_SIGNAL;
    if (const std::size_t tid = how.find("/tid."); tid != std::string_view::npos) {
      timer.event.sigev_notify |= SIGEV_THREAD_ID;
      const auto target = static_cast<pid_t>(Text(from(how, tid + 5)).number());
      timer.event._sigev_un._tid = programs_id(target);
      expect_pending(target, timer.event.sigev_signo);
    }
    timer.clock = static_cast<std::int32_t>(clock.number());
    const long result = sys::call(SYS_timer_gettime, timer.id, &timer.value);
    if (result < 0) return system_error("timer_gettime", result);
  }
  return {};
}

// The timers were read before the signals, so that none that expires in between is lost: what is left of those whose signal waits now is read again, so that none is told twice.
void renew_expired() noexcept {
  Kept& kept = *saved.kept;
  for (std::uint32_t i = 0; i != kept.pending_count; ++i) {
    const siginfo_t& info = kept.pending[i].info;
    if (info.si_signo == SIGALRM) sys::call(SYS_getitimer, ITIMER_REAL, &saved.interval_timers[ITIMER_REAL]);
    if (info.si_code != SI_TIMER) continue;
    for (std::uint32_t k = 0; k != kept.timer_count; ++k)
      if (kept.timers[k].id == info.si_timerid) sys::call(SYS_timer_gettime, kept.timers[k].id, &kept.timers[k].value);
  }
}

// After a restart without namespaces the kernel tells another, and what was saved stays.
Status save_executable(Arena& arena) noexcept {
  if (ids_are_virtual() && saved.executable[0] != '\0') return {};
  const std::string_view program = read_link("/proc/thread-self/exe", arena);
  if (program.empty() || program.size() >= sizeof saved.executable) return system_error("read /proc/thread-self/exe", -ENOENT);
  std::memcpy(saved.executable, program.data(), program.size());
  saved.executable[program.size()] = '\0';
  return {};
}

}  // namespace

Status renew_kept() noexcept {
  if (saved.kept_before != nullptr) sys::call(SYS_munmap, saved.kept_before, sizeof(Kept));
  saved.kept_before = saved.kept;
  saved.kept = nullptr;
  const long place = map_unlocked(sizeof(Kept));
  if (sys::failed(place)) return system_error("reserve memory for the checkpoint", place);
  sys::call(SYS_madvise, place, sizeof(Kept), MADV_NOHUGEPAGE);
  saved.kept = reinterpret_cast<Kept*>(place);
  return {};
}

void save_own_pending(std::int32_t tid) noexcept {
  static constinit std::atomic<bool> busy{false};  // threads park at the same time; pending signals are rare
  while (busy.exchange(true, std::memory_order_acquire)) sys::call(SYS_sched_yield);
  const std::uint32_t first = saved.kept->pending_count;
  take_pending(tid, "SigPnd:", tid);
  put_back(first);
  busy.store(false, std::memory_order_release);
}

Status save_process_state(Arena& arena) noexcept {
  STASIS_TRY(save_executable(arena));
  for (int signal = 1; signal <= 64; ++signal)
    if (signal != SIGKILL && signal != SIGSTOP) {
      sys::call(SYS_rt_sigaction, signal, nullptr, &saved.actions[signal], 8);
      saved.actions[signal].handler = programs_handler(signal, saved.actions[signal].handler);
    }
  if (main_thread_has_ended()) saved.blocked_at_end = signals_of_thread(static_cast<std::int32_t>(sys::call(SYS_getpid)), "SigBlk:");
  if (const KernelAction* lent = lent_action(); lent != nullptr) saved.actions[kSecondSignal] = *lent;
  for (int which = 0; which != 3; ++which) sys::call(SYS_getitimer, which, &saved.interval_timers[which]);
  sys::call(SYS_prlimit64, 0, RLIMIT_NPROC, nullptr, &saved.processes);
  STASIS_TRY(save_timers(arena));

  save_pending_of_threads();
  STASIS_TRY(save_pending(static_cast<std::int32_t>(sys::call(SYS_gettid))));
  renew_expired();

  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  sys::call(SYS_capget, &header, saved.capabilities);
  sys::call(SYS_arch_prctl, kGetXcompPermitted, &saved.xcomp_permitted);
  const long registrations = sys::call(SYS_membarrier, kMembarrierRegistrations, 0, 0);
  saved.membarrier = registrations > 0 ? static_cast<std::int32_t>(registrations) : 0;
  read_process_attributes(saved.attributes);
  saved.usage = process_usage();
  return {};
}

}  // namespace stasis::hijack
