// A restored process becomes whole: entered from the restorer (entry.S) when memory and descriptors are back and nothing else.
//
// The order: the restorer's own memory goes; what belongs to the process; its threads, each of which waits; success is told to stasis restart;
// the coordinator releases all processes at once; what makes time run (timers) comes last. Until the release any failure ends the process
// with a message, and nothing of the program has run. The restorer comes as the main thread; if the program's had ended, it makes the others, ends
// likewise, and the first of them goes on from there.
// World: hijack. On entry one thread, all signals blocked. Raw system calls only: the C library's state is the program's.
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <linux/sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/rseq.h>

#include "core/environment.hpp"
#include "hijack/engine/entry.hpp"
#include "hijack/engine/io_contexts.hpp"
#include "hijack/engine/rings.hpp"
#include "hijack/engine/late_signals.hpp"
#include "hijack/engine/lifted_limit.hpp"
#include "hijack/engine/link.hpp"
#include "hijack/engine/main_thread.hpp"
#include "hijack/engine/membership.hpp"
#include "hijack/engine/notice.hpp"
#include "hijack/engine/queue_registrations.hpp"
#include "hijack/engine/saved_state.hpp"
#include "hijack/engine/semaphore_undo.hpp"
#include "hijack/engine/scratch.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/engine/stop_signal.hpp"
#include "hijack/rt/fault.hpp"
#include "hijack/rt/log.hpp"
#include "hijack/virt/machine_clocks.hpp"
#include "hijack/virt/mutexes.hpp"
#include "hijack/virt/siginfo.hpp"
#include "hijack/virt/system_v_numbers.hpp"

extern "C" [[noreturn, gnu::used, gnu::visibility("hidden")]] void stasis_wake_main();

namespace stasis::hijack {
namespace {

constexpr int kSetGs = 0x1001;                 // ARCH_SET_GS
constexpr int kRequestXcomp = 0x1023;          // ARCH_REQ_XCOMP_PERM
constexpr int kTimerRestoreIds = 77;           // PR_TIMER_CREATE_RESTORE_IDS, Linux 6.15
constexpr std::uint64_t kRedZone = 512;        // between a thread's saved frame and what it runs on until it goes back there
constexpr long kMainEndsNs = 50'000;           // it has nothing else to do

struct Gate {
  std::atomic<std::uint32_t> ready;     // threads that are whole; futex
  std::atomic<std::uint32_t> released;  // 1: go on; futex
};
constinit Gate gate{};
constinit std::int32_t parent = 0;                 // while nobody has gone on
constinit const ThreadState* successor = nullptr;  // of the main thread, where that had ended

[[noreturn]] void give_up(const Error& failure) noexcept {
  log("restart failed", failure);
  image::RestoreFailure report;
  report.pid = programs_id(static_cast<std::int32_t>(sys::call(SYS_getpid)));
  report.sys_errno = failure.sys_errno;
  report.code = static_cast<std::uint32_t>(failure.code == ErrorCode::system ? ErrorCode::restore_failed : failure.code);
  report.length = static_cast<std::uint32_t>(failure.detail.size() < sizeof report.text ? failure.detail.size() : sizeof report.text);
  std::memcpy(report.text, failure.detail.c_str(), report.length);
  sys::call(SYS_write, saved.handoff.status_fd, &report, sizeof report);
  for (;;) sys::call(SYS_exit_group, 127);
}

void require(long result, std::string_view call) noexcept {
  if (sys::failed(result)) give_up(system_error(call, result));
}

// The area is as long as the thread that registered it said; glibc registers 32 bytes, or what the kernel uses if that is more.
void register_rseq(const ThreadState& state) noexcept {
  if (!state.has_rseq) return;
  auto* area = reinterpret_cast<char*>(state.fs_base) + __rseq_offset;
  std::memset(area + 8, 0, 8);  // rseq_cs: no critical section is entered; the kernel aborted it when it delivered the stop signal
  long result = sys::call(SYS_rseq, area, 32, 0, RSEQ_SIG);
  if (result == -EINVAL) result = sys::call(SYS_rseq, area, (__rseq_size + 31) / 32 * 32, 0, RSEQ_SIG);
  require(result, "register a restartable sequence");
}

// Capabilities are a thread's own: what the restart needed is given up, what the program had stays.
void drop_capabilities() noexcept {
  sys::call(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct now[2] = {};
  require(sys::call(SYS_capget, &header, now), "capget");
  const auto* old = reinterpret_cast<const __user_cap_data_struct*>(saved.capabilities);
  for (int i = 0; i != 2; ++i) {
    now[i].permitted &= old[i].permitted;
    now[i].effective = now[i].permitted & old[i].effective;
    now[i].inheritable &= old[i].inheritable;
  }
  require(sys::call(SYS_capset, &header, now), "give up capabilities");
}

// Signals of the process (`tid` 0), by the main thread, or of the calling thread: what the kernel or kill(2) had sent can be said again only to
// oneself (rt_sigqueueinfo(2)).
void queue_pending(std::int32_t id) noexcept {
  const long pid = sys::call(SYS_getpid), tid = kernels_id(id);
  for (std::uint32_t i = 0; i != saved.kept->pending_count; ++i) {
    PendingSignal& signal = saved.kept->pending[i];
    if (signal.id != id || is_old_notice(signal.info)) continue;
    if (signal.sender != 0) signal.info.si_pid = kernels_id(signal.sender);
    if (tid == 0) require(sys::call(SYS_rt_sigqueueinfo, pid, signal.info.si_signo, &signal.info), "queue a pending signal");
    else require(sys::call(SYS_rt_tgsigqueueinfo, pid, tid, signal.info.si_signo, &signal.info), "queue a thread's pending signal");
  }
}

// What only the thread itself can bring back.
void become_thread(ThreadState& state) noexcept {
  if (state.awaited != 0) await_id(*state.context, kernels_id(state.awaited));
  if (state.object_number >= 0) use_object(*state.context, kernels_number(object_of(*state.context).kind, state.object_number));
  if (state.given != 0) give_id(*state.context, kernels_id(state.given));
  shift_deadlines(*state.context, state.slot);
  queue_pending(state.id);
  renew_held(state);
  if (state.robust_head != 0) require(sys::call(SYS_set_robust_list, state.robust_head, state.robust_length), "set_robust_list");
  register_rseq(state);
  if (state.gs_base != 0) sys::call(SYS_arch_prctl, kSetGs, state.gs_base);
  sys::call(SYS_prctl, PR_SET_NAME, state.name, 0, 0, 0);
  if (state.timer_slack != 0) sys::call(SYS_prctl, PR_SET_TIMERSLACK, state.timer_slack, 0, 0, 0);
  bool bound = false;
  for (std::uint32_t i = 0; i != 16; ++i) bound |= state.affinity[i] != initial_affinity[i];
  if (bound) sys::call(SYS_sched_setaffinity, 0, state.affinity_bytes, state.affinity);  // on another node there may be none of these
  if (state.scheduling.size != 0) sys::call(SYS_sched_setattr, 0, &state.scheduling, 0);  // lower priorities are always allowed
  take_attributes(state.attributes);
  continue_thread_usage(state.usage);
  if (const Status status = fill_rings(state.id); !status.ok()) give_up(status.error());
  if (const Status status = give_requests(state.fs_base); !status.ok()) give_up(status.error());
  drop_capabilities();
  admit_ignored_signals(blocked_in(*state.context));
}

// Not before all go on: a parent's main thread that had ended ends only in between, and would be taken for the parent. Who was released earlier may have
// ended already; then the kernel sends nothing any more.
void ask_for_parents_death(int signal) noexcept {
  sys::call(SYS_prctl, PR_SET_PDEATHSIG, signal, 0, 0, 0);
  if (sys::call(SYS_getppid) == parent) return;
  siginfo_t info = {};
  info.si_signo = signal;
  info.si_pid = parent;
  info.si_uid = static_cast<uid_t>(sys::call(SYS_getuid));
  const long pid = sys::call(SYS_getpid);
  if (sys::call(SYS_rt_sigqueueinfo, pid, signal, &info) == -EPERM) sys::call(SYS_kill, pid, signal);
}

// The kernel makes room for AMX tiles in a thread when it first uses one, and before that takes no frame that holds them, but only the oldest part of it
// (check_xstate_in_sigframe() of arch/x86/kernel/fpu/signal.c).
void make_room_for_tiles(const ucontext_t& context) noexcept {
  constexpr std::uint64_t kTileData = 1u << 18;
  const auto* frame = reinterpret_cast<const char*>(context.uc_mcontext.fpregs);
  if (frame == nullptr) return;
  _fpx_sw_bytes told;
  std::memcpy(&told, frame + 464, sizeof told);  // sw_reserved of struct _fpstate, asm/sigcontext.h
  if (told.magic1 != FP_XSTATE_MAGIC1 || (told.xstate_bv & kTileData) == 0) return;
  unsigned char one_tile[64] = {1};  // the palette; bytes in a row and rows follow (Intel SDM vol. 1, 18.3)
  one_tile[16] = 64, one_tile[48] = 16;
  asm volatile("ldtilecfg %0\n\ttilezero %%tmm0\n\ttilerelease" : : "m"(one_tile));
}

[[noreturn]] void go_on(const ThreadState& state) noexcept {
  make_room_for_tiles(*state.context);
  renew_awaited(*state.context);  // if a thread of another process has it, which is known only now
  if (state.parent_death_signal != 0) ask_for_parents_death(state.parent_death_signal);
  let_signals_interrupt(*state.context, state);
  stasis_sigreturn(state.context);
}

[[noreturn]] void finish(void* thread) noexcept;

// Runs below the saved frame on the thread's own stack, where the handler that parked it ran.
void wake_thread(void* argument) noexcept {
  ThreadState& state = *static_cast<ThreadState*>(argument);
  enter_id(state.id, static_cast<std::int32_t>(sys::call(SYS_gettid)));  // its maker does so, too
  become_thread(state);
  gate.ready.fetch_add(1);
  sys::call(SYS_futex, &gate.ready, FUTEX_WAKE_PRIVATE, 1);
  if (&state == successor) {
    // Nothing that could be waited for tells of its end before Linux 6.9. Yielding would not do: this thread may have a real-time priority.
    const timespec moment{0, kMainEndsNs};
    while (!main_thread_has_ended()) sys::call(SYS_nanosleep, &moment, nullptr);
    stasis_call_on_stack(&state, [](void* thread) { finish(thread); }, stasis_entry_stack_top);
  }
  while (gate.released.load() == 0) sys::call(SYS_futex, &gate.released, FUTEX_WAIT_PRIVATE, 0, nullptr);
  go_on(state);
}

void create_thread(ThreadState& state) noexcept {
  if (const Status status = fault(Fault::restore_thread); !status.ok()) give_up(status.error());
  struct clone_args arguments = {};
  arguments.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_CHILD_CLEARTID;
  arguments.child_tid = state.tid_address;
  arguments.tls = state.fs_base;
  // The kernel's frame begins with the address that its handler returns to; the stack ends below it.
  const std::uint64_t frame = reinterpret_cast<std::uint64_t>(state.context) - 8;
  constexpr std::uint64_t kSize = 4096;
  const std::uint64_t top = (frame - kRedZone) & ~std::uint64_t{63};
  arguments.stack = top - kSize, arguments.stack_size = kSize;
  std::int32_t tid = state.id;
  if (saved.handoff.exact_ids != 0) {
    arguments.set_tid = reinterpret_cast<std::uint64_t>(&tid);
    arguments.set_tid_size = 1;
  }
  const long result = stasis_clone3(&arguments, sizeof arguments, wake_thread, &state);
  if (result < 0) give_up(system_error(FixedString<64>("create thread ").append_signed(state.id), result));
  enter_id(state.id, static_cast<std::int32_t>(result));
}

// The restorer's image of our memory has us stopped; nobody may take that for real any more.
void forget_stop() noexcept {
  forget_checkpoint();
  gate.ready.store(0);
  gate.released.store(0);
}

void restore_actions() noexcept {
  for (int signal = 1; signal <= 64; ++signal)
    if (signal != SIGKILL && signal != SIGSTOP) require(sys::call(SYS_rt_sigaction, signal, &saved.actions[signal], nullptr, 8), "set a signal's action");
}

void restore_memory_flags() noexcept {
  for (int bit = 0; bit != 31; ++bit)  // each registration is a command of its own (membarrier(2))
    if ((saved.membarrier & 1 << bit) != 0) sys::call(SYS_membarrier, 1 << bit, 0, 0);
  for (long feature = 17; feature != 20; ++feature)  // state components that must be asked for, as AMX's 18
    if ((saved.xcomp_permitted >> feature & 1) != 0) sys::call(SYS_arch_prctl, kRequestXcomp, feature);
}

// Before Linux 6.15 ids cannot be asked for, but they count up.
long create_timer(SavedTimer& saved_timer, bool exact) noexcept {
  for (;;) {
    int id = saved_timer.id;
    const long result = sys::call(SYS_timer_create, saved_timer.clock, &saved_timer.event, &id);
    if (result < 0 || id == saved_timer.id) return result;
    sys::call(SYS_timer_delete, id);
    if (exact || id > saved_timer.id) return -EEXIST;
  }
}

void create_timers() noexcept {
  Kept& kept = *saved.kept;
  if (kept.timer_count == 0) return;
  const bool exact = sys::call(SYS_prctl, kTimerRestoreIds, 1, 0, 0, 0) == 0;
  for (std::uint32_t i = 0; i != kept.timer_count; ++i) {
    if ((kept.timers[i].event.sigev_notify & SIGEV_THREAD_ID) != 0) kept.timers[i].event._sigev_un._tid = kernels_id(kept.timers[i].event._sigev_un._tid);
    require(create_timer(kept.timers[i], exact), "create a timer");
  }
  if (exact) sys::call(SYS_prctl, kTimerRestoreIds, 0, 0, 0, 0);
}

void start_timers() noexcept {
  Kept& kept = *saved.kept;
  for (std::uint32_t i = 0; i != kept.timer_count; ++i) sys::call(SYS_timer_settime, kept.timers[i].id, 0, &kept.timers[i].value, nullptr);
  for (int which = 0; which != 3; ++which) {
    const itimerval& value = saved.interval_timers[which];
    if (value.it_value.tv_sec != 0 || value.it_value.tv_usec != 0) sys::call(SYS_setitimer, which, &value, nullptr);
  }
}

// A thread of the image: the one with this id, with 0 the first there is.
ThreadState* find_thread(std::int32_t id) noexcept {
  Kept& kept = *saved.kept;
  for (std::uint32_t i = 0; i != kept.thread_count; ++i)
    if (kept.threads[i].phase.load() == ThreadPhase::parked && (id == 0 || kept.threads[i].id == id)) return &kept.threads[i];
  return nullptr;
}

void create_threads(const ThreadState* main) noexcept {
  Kept& kept = *saved.kept;
  std::uint32_t created = 0;
  for (std::uint32_t i = 0; i != kept.thread_count; ++i) {
    ThreadState& state = kept.threads[i];
    if (state.phase.load() != ThreadPhase::parked || &state == main) continue;
    create_thread(state);
    ++created;
  }
  for (std::uint32_t ready = gate.ready.load(); ready != created; ready = gate.ready.load())
    sys::call(SYS_futex, &gate.ready, FUTEX_WAIT_PRIVATE, ready, nullptr);
}

// Threads count too, and the program may have had more when it lowered the limit. Where this machine allows less, its hard limit counts.
void limit_processes() noexcept {
  rlimit here = {}, wanted = saved.processes;
  if (sys::call(SYS_prlimit64, 0, RLIMIT_NPROC, nullptr, &here) < 0) return;
  if (wanted.rlim_max > here.rlim_max) wanted.rlim_max = here.rlim_max;
  if (wanted.rlim_cur > wanted.rlim_max) wanted.rlim_cur = wanted.rlim_max;
  require(sys::call(SYS_prlimit64, 0, RLIMIT_NPROC, &wanted, nullptr), "limit the number of processes");
}

void tell_success() noexcept {
  image::RestoreFailure report;
  report.pid = programs_id(static_cast<std::int32_t>(sys::call(SYS_getpid)));
  sys::call(SYS_write, saved.handoff.status_fd, &report, sizeof report);
}

// The member table, and the id table if there is one.
void map_tables() noexcept {
  const LiftedLimit descriptors(RLIMIT_NOFILE);
  void* members = members_address();
  if (members != nullptr && !map_members(members)) give_up(error(ErrorCode::no_coordinator, "the run directory's member table is not there"));
  take_clock_offsets(offsets_of_members());
  forget_ids();
  if (saved.handoff.exact_ids == 0 && !map_ids()) give_up(error(ErrorCode::no_coordinator, "the run directory's id table is not there"));
}

struct Rejoin {
  Arena arena;
  std::uint32_t threads;
};

// With the coordinator: here again, and standing still until all others are.
void rejoin(void* argument) noexcept {
  auto& how = *static_cast<Rejoin*>(argument);
  const LiftedLimit descriptors(RLIMIT_NOFILE);
  Link link(how.arena);
  link.set_generation(saved.handoff.generation);
  const auto join = [&]() -> Status {
    STASIS_TRY(link.connect());
    const std::string_view program = read_link("/proc/thread-self/exe", how.arena);
    STASIS_TRY(link.send(proto::Hello{settings.computation, programs_id(static_cast<std::int32_t>(sys::call(SYS_getpid))), true, program, false}));
    // First: as soon as all have joined, another process may run and end this one.
    tell_success();
    return link.send(proto::Restored{how.threads});
  };
  if (const Status status = join(); !status.ok()) {
    Error failure = status.error();
    failure.code = ErrorCode::no_coordinator;  // the first process asks for its reason
    give_up(failure);
  }
  sys::call(SYS_close, saved.handoff.status_fd);
  if (const auto resume = link.expect<proto::Resume>(); !resume.ok()) {
    log("restart called off", resume.error());
    for (;;) sys::call(SYS_exit_group, 127);
  }
}

[[noreturn]] void wake() noexcept {
  // Those of the C library's own too, which sigprocmask(3) leaves out: threads may have them pending, and timers that are armed send them.
  const std::uint64_t all = ~std::uint64_t{0};
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, sizeof all);
  if (saved.handoff.version != image::kHandoffVersion) give_up(error(ErrorCode::image_version, "the restorer is of another version"));
  require(sys::call(SYS_munmap, saved.handoff.parking_start, saved.handoff.parking_length), "unmap the restorer");
  forget_stop();
  parent = static_cast<std::int32_t>(sys::call(SYS_getppid));
  map_tables();
  restore_actions();
  if (ids_are_virtual()) put_between_all();
  {
    const LiftedLimit descriptors(RLIMIT_NOFILE);
    stand_before_mutexes();
  }
  restore_memory_flags();
  if (const Status status = restore_areas(); !status.ok()) give_up(status.error());
  if (const Status status = make_rings(); !status.ok()) give_up(status.error());
  if (const Status status = fill_rings(0); !status.ok()) give_up(status.error());

  ThreadState* main = find_thread(programs_id(static_cast<std::int32_t>(sys::call(SYS_getpid))));
  successor = main == nullptr ? find_thread(0) : nullptr;
  create_threads(main);
  take_process_attributes(saved.attributes);
  limit_processes();
  create_timers();
  take_undo();
  if (const Status status = take_contexts(saved.handoff.status_fd); !status.ok()) give_up(status.error());
  if (const Status status = take_registrations(); !status.ok()) give_up(status.error());
  queue_pending(0);
  if (main == nullptr) {
    // The kernel asks this thread, ended or not, whether a signal for the process comes to nothing. Those that have a handler stay blocked: one would run here.
    admit_ignored_signals(saved.blocked_at_end);
    for (;;) sys::call(SYS_exit, 0);
  }
  sys::call(SYS_set_tid_address, main->tid_address);
  become_thread(*main);
  finish(main);
}

// The process is whole: its first thread rejoins and lets all go on.
[[noreturn]] void finish(void* argument) noexcept {
  {
    Scratch scratch;
    if (const Status status = scratch.map(); !status.ok()) give_up(status.error());
    for (std::uint32_t i = 0; i != saved.kept->thread_count; ++i)
      if (saved.kept->threads[i].phase.load() == ThreadPhase::parked) renew_awaited(*saved.kept->threads[i].context);
    Rejoin how{scratch.arena(), saved.kept->thread_count};
    stasis_call_on_stack(&how, rejoin, scratch.stack_top());
  }
  saved.handoff = {};
  write_slot(MemberState::running);
  start_timers();
  continue_process_usage(saved.usage);
  gate.released.store(1);
  sys::call(SYS_futex, &gate.released, FUTEX_WAKE_PRIVATE, 0x7fffffff);
  go_on(*static_cast<const ThreadState*>(argument));
}

}  // namespace
}  // namespace stasis::hijack

void stasis_wake_main() { stasis::hijack::wake(); }
