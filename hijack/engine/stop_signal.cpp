// The handler of the stop signal, see stop_signal.hpp.
//
// The handler runs on the interrupted stack (alternate stacks may be too small for the kernel's frame) with every signal blocked, and
// uses raw system calls only: the program's errno stays as it is.
// World: hijack, signal handler.
#include "hijack/engine/stop_signal.hpp"

#include <linux/futex.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/rseq.h>

#include "core/environment.hpp"
#include "hijack/engine/checkpoint.hpp"
#include "hijack/engine/entry.hpp"
#include "hijack/engine/late_signals.hpp"
#include "hijack/engine/ring_notes.hpp"
#include "hijack/rt/file.hpp"

namespace stasis::hijack {

constinit Stop stop;
constinit VdsoRange vdso{};

namespace {

constexpr std::uint64_t kRestorer = 0x04000000;  // SA_RESTORER
constexpr int kGetFs = 0x1003, kGetGs = 0x1004;  // ARCH_GET_FS, ARCH_GET_GS
constexpr int kGetTidAddress = 40;               // PR_GET_TID_ADDRESS
constexpr std::uint64_t kVdsoSpan = 0x4000;      // more than any vdso so far; its pages are followed by nothing of the program's code
constexpr long kVdsoRetryNs = 50'000;

constinit KernelAction lent{};
constinit bool is_borrowed = false;

void on_stop_signal(int signal, siginfo_t* info, void* raw_context) noexcept;

// `admitted`: signals that it does not block.
KernelAction stop_action(std::uint64_t admitted) noexcept {
  KernelAction action{};
  action.handler = reinterpret_cast<void*>(on_stop_signal);
  action.flags = SA_SIGINFO | SA_RESTART | kRestorer;
  action.restorer = reinterpret_cast<void*>(stasis_return_from_signal);
  action.mask = ~admitted;
  return action;
}

void set_stop_action(std::uint64_t admitted) noexcept {
  const KernelAction action = stop_action(admitted);
  sys::call(SYS_rt_sigaction, kStopSignal, &action, nullptr, sizeof action.mask);
  stop.admitted.store(admitted, std::memory_order_relaxed);
}

constexpr std::uint64_t bit_of(int signal) noexcept { return std::uint64_t{1} << (signal - 1); }

std::uint64_t ignored_signals() noexcept {
  std::uint64_t ignored = 0;
  for (int signal = 1; signal <= 64; ++signal) {
    KernelAction action{};
    if (sys::call(SYS_rt_sigaction, signal, nullptr, &action, sizeof action.mask) == 0 && is_ignored(signal, action.handler)) ignored |= bit_of(signal);
  }
  return ignored;
}


void give_back_second_signal() noexcept {
  if (is_borrowed) sys::call(SYS_rt_sigaction, kSecondSignal, &lent, nullptr, sizeof lent.mask);
  is_borrowed = false;
}

// A stop signal that was sent before it was known that the thread blocks it. Its own queue comes first (signal(7)), so it is the one.
void take_stop_signal() noexcept {
  const std::uint64_t mask = std::uint64_t{1} << (kStopSignal - 1);
  const timespec none{};
  sys::call(SYS_rt_sigtimedwait, &mask, nullptr, &none, sizeof mask);
}

// Where no thread is to stand still: what is in the kernel's pages is another kernel's after a restart.
bool must_go_on(const ucontext_t* context) noexcept {
  const auto at = static_cast<std::uint64_t>(context->uc_mcontext.gregs[REG_RIP]);
  return (at >= vdso.start && at < vdso.end) || is_looking_at_requests(at);
}

void arrive() noexcept {
  stop.arrived.fetch_add(1);
  sys::call(SYS_futex, &stop.arrived, FUTEX_WAKE_PRIVATE, 1);
}

void tell_parked(std::atomic<std::uint32_t>& what) noexcept {
  what.store(stop.epoch.load());
  stop.news.fetch_add(1);
  sys::call(SYS_futex, &stop.news, FUTEX_WAKE_PRIVATE, 0x7fffffff);
}

// The kernel has rewound the call that the thread was seen in, if the registers are at that.
void note_registers(ThreadState& state, const ucontext_t& context) noexcept {
  const greg_t* registers = context.uc_mcontext.gregs;
  std::memcpy(state.before, registers, sizeof state.before);
  state.was_asleep = state.note.number >= 0 && state.note.number == registers[REG_RAX] && state.note.instruction == static_cast<std::uint64_t>(registers[REG_RIP]) + 2 &&
                     state.note.stack == static_cast<std::uint64_t>(registers[REG_RSP]);
}

void park(std::uint32_t epoch, std::uint32_t slot, ucontext_t* context) noexcept {
  Kept* kept = saved.kept;
  if (stop.epoch.load() != epoch || kept == nullptr || slot >= kMaximumThreads) {
    timespec unused{};
    CallNote none;
    if (kept != nullptr) rewind_call(context, none, slot < kMaximumThreads ? &kept->threads[slot].slot : &unused);
    return;
  }
  ThreadState& state = kept->threads[slot];
  if (state.stop == StopBy::both) take_stop_signal();
  const std::uint64_t stopped_ns = clock_ns(CLOCK_MONOTONIC);
  note_registers(state, *context);
  const std::int64_t call = rewind_call(context, state.note, &state.slot);
  if (call < 0 && state.note.number >= 0 && state.note.instruction != static_cast<std::uint64_t>(context->uc_mcontext.gregs[REG_RIP]) &&
      state.note.instruction != static_cast<std::uint64_t>(context->uc_mcontext.gregs[REG_RIP]) + 2)
    state.note.number = -1;
  if (stop.released.load() == epoch) return let_signals_interrupt(*context, state);  // too late: the stop was given up
  const bool again = must_go_on(context);
  if (!again) describe_self(state, context);
  state.phase.store(again ? ThreadPhase::again : ThreadPhase::parked);
  arrive();
  if (again) return;
  for (bool has_saved = false;;) {
    const std::uint32_t news = stop.news.load();
    if (!has_saved && stop.complete.load() == epoch && state.pending != 0) {
      save_own_pending(state.tid);
      has_saved = true;
      arrive();
    }
    if (stop.asked.load() == state.tid) {
      sys::call(SYS_io_uring_enter, stop.ring.load(), 0, 0, IORING_ENTER_GETEVENTS, nullptr, 0);
      stop.asked.store(0);
      sys::call(SYS_futex, &stop.asked, FUTEX_WAKE_PRIVATE, 1);
    }
    if (stop.released.load() == epoch) {
      if (call >= 0) let_time_pass(context, call, clock_ns(CLOCK_MONOTONIC) - stopped_ns, &state.slot);
      return let_signals_interrupt(*context, state);
    }
    sys::call(SYS_futex, &stop.news, FUTEX_WAIT_PRIVATE, news, nullptr);
  }
}

// The stop signal again in a moment, by a timer of one shot, for a leader must not stop there either.
void signal_later() noexcept {
  struct sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL | SIGEV_THREAD_ID;
  event.sigev_signo = kStopSignal;
  event._sigev_un._tid = static_cast<pid_t>(sys::call(SYS_gettid));
  int timer = 0;
  if (sys::call(SYS_timer_create, CLOCK_MONOTONIC, &event, &timer) < 0) return;
  event.sigev_value.sival_int = timer;
  const struct itimerspec once = {{0, 0}, {0, kVdsoRetryNs}};
  sys::call(SYS_timer_settime, timer, 0, &once, nullptr);
}

void on_stop_signal(int signal, siginfo_t* info, void* raw_context) noexcept {
  auto* context = static_cast<ucontext_t*>(raw_context);
  if (info->si_code == SI_QUEUE && info->si_pid == sys::call(SYS_getpid)) {
    const auto value = reinterpret_cast<std::uint64_t>(info->si_value.sival_ptr);
    park(static_cast<std::uint32_t>(value >> 32), static_cast<std::uint32_t>(value), context);
    return;
  }
  if (signal == kSecondSignal) {  // the C library's
    if (is_borrowed) reinterpret_cast<void (*)(int, siginfo_t*, void*)>(lent.handler)(signal, info, raw_context);
    return;
  }
  if (info->si_code == SI_TIMER) sys::call(SYS_timer_delete, info->si_timerid);
  if (must_go_on(context)) {
    signal_later();
    return;
  }
  std::int32_t nobody = 0;
  if (stop.leader.compare_exchange_strong(nobody, static_cast<std::int32_t>(sys::call(SYS_gettid)))) {
    lead_checkpoint(context);
    stop.leader.store(0);
    return;
  }
  static constinit timespec slot{};
  rewind_call(context, CallNote{}, &slot);  // the leader will stop this thread by its own signal
}

}  // namespace

void describe_self(ThreadState& state, ucontext_t* context) noexcept {
  state.tid = static_cast<std::int32_t>(sys::call(SYS_gettid));
  state.context = context;
  sys::call(SYS_arch_prctl, kGetFs, &state.fs_base);
  sys::call(SYS_arch_prctl, kGetGs, &state.gs_base);
  sys::call(SYS_prctl, kGetTidAddress, &state.tid_address, 0, 0, 0);
  sys::call(SYS_get_robust_list, 0, &state.robust_head, &state.robust_length);
  sys::call(SYS_prctl, PR_GET_NAME, state.name, 0, 0, 0);
  // cpu_id is negative while the area is not registered (rseq(2), RSEQ_CPU_ID_UNINITIALIZED and RSEQ_CPU_ID_REGISTRATION_FAILED).
  state.has_rseq = __rseq_size != 0 && *reinterpret_cast<const std::int32_t*>(state.fs_base + static_cast<std::uint64_t>(__rseq_offset) + 4) >= 0;
  sys::call(SYS_prctl, PR_GET_PDEATHSIG, &state.parent_death_signal, 0, 0, 0);
  const long slack = sys::call(SYS_prctl, PR_GET_TIMERSLACK, 0, 0, 0, 0);
  state.timer_slack = slack > 0 ? static_cast<std::uint64_t>(slack) : 0;
  read_own_attributes(state.attributes);
  state.usage = thread_usage();
  std::uint64_t pending = 0;
  sys::call(SYS_rt_sigpending, &pending, sizeof pending);
  state.pending = pending & ~(std::uint64_t{1} << (kStopSignal - 1));
}

bool is_ignored(int signal, const void* handler) noexcept {
  constexpr std::uint64_t kByDefault = bit_of(SIGCHLD) | bit_of(SIGCONT) | bit_of(SIGURG) | bit_of(SIGWINCH);  // signal(7)
  return handler == reinterpret_cast<void*>(SIG_IGN) || (handler == reinterpret_cast<void*>(SIG_DFL) && (kByDefault & bit_of(signal)) != 0);
}

void admit_signal(int signal, bool is_admitted) noexcept {
  KernelAction action{};
  sys::call(SYS_rt_sigaction, kStopSignal, nullptr, &action, sizeof action.mask);
  const std::uint64_t mask = is_admitted ? action.mask & ~bit_of(signal) : action.mask | bit_of(signal);
  if (mask != action.mask) set_stop_action(~mask);
}

void install_stop_handler() noexcept {
  vdso.start = ::getauxval(AT_SYSINFO_EHDR);
  vdso.end = vdso.start == 0 ? 0 : vdso.start + kVdsoSpan;
  find_ignored_signals();
}

void find_ignored_signals() noexcept {
  stop.ignored = ignored_signals();
  set_stop_action(stop.ignored);
}

std::uint64_t blocked_in(const ucontext_t& context) noexcept {
  std::uint64_t mask = 0;
  std::memcpy(&mask, &context.uc_sigmask, sizeof mask);
  return mask;
}

void admit_ignored_signals(std::uint64_t blocks) noexcept {
  const std::uint64_t admitted = stop.ignored & ~blocks;
  sys::call(SYS_rt_sigprocmask, SIG_UNBLOCK, &admitted, nullptr, sizeof admitted);
}

void forget_checkpoint() noexcept {
  give_back_second_signal();
  stop.leader.store(0);
  stop.released.store(stop.epoch.load());
}

namespace {

long send_stop(std::int32_t tid, std::uint32_t slot, int signal) noexcept {
  siginfo_t info = {};
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  const long pid = sys::call(SYS_getpid);
  info.si_pid = static_cast<pid_t>(pid);
  info.si_value.sival_ptr = reinterpret_cast<void*>(static_cast<std::uint64_t>(stop.epoch.load()) << 32 | slot);
  return sys::call(SYS_rt_tgsigqueueinfo, pid, tid, signal, &info);
}

}  // namespace

long signal_thread(std::int32_t tid, std::uint32_t slot) noexcept { return send_stop(tid, slot, kStopSignal); }

long signal_thread_otherwise(std::int32_t tid, std::uint32_t slot) noexcept { return send_stop(tid, slot, kSecondSignal); }

// The C library handles it as soon as there is a second thread, and ignores one that does not come from itself: a late one of ours does no harm.
bool borrow_second_signal() noexcept {
  if (is_borrowed) return true;
  sys::call(SYS_rt_sigaction, kSecondSignal, nullptr, &lent, sizeof lent.mask);
  if (lent.handler == reinterpret_cast<void*>(SIG_DFL) || lent.handler == reinterpret_cast<void*>(SIG_IGN)) return false;
  is_borrowed = true;
  const KernelAction action = stop_action(stop.ignored);
  sys::call(SYS_rt_sigaction, kSecondSignal, &action, nullptr, sizeof action.mask);
  return true;
}

const KernelAction* lent_action() noexcept { return is_borrowed ? &lent : nullptr; }

void save_pending_of_threads() noexcept {
  const Kept& kept = *saved.kept;
  std::uint32_t waited_for = stop.arrived.load();
  const std::uint32_t before = waited_for;
  for (std::uint32_t i = 1; i != kept.thread_count; ++i)
    if (kept.threads[i].phase.load() == ThreadPhase::parked && kept.threads[i].pending != 0) ++waited_for;
  if (waited_for == before) return;
  tell_parked(stop.complete);
  for (std::uint32_t arrived = before; arrived != waited_for; arrived = stop.arrived.load()) sys::call(SYS_futex, &stop.arrived, FUTEX_WAIT_PRIVATE, arrived, nullptr);
}

void ask_for_results(std::int32_t tid, int ring) noexcept {
  stop.ring.store(ring);
  stop.asked.store(tid);
  stop.news.fetch_add(1);
  sys::call(SYS_futex, &stop.news, FUTEX_WAKE_PRIVATE, 0x7fffffff);
  while (stop.asked.load() == tid) sys::call(SYS_futex, &stop.asked, FUTEX_WAIT_PRIVATE, tid, nullptr);
}

void release_threads() noexcept {
  give_back_second_signal();
  tell_parked(stop.released);
}

}  // namespace stasis::hijack
