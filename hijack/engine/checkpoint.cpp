// The phases of a checkpoint, see checkpoint.hpp. Everything before Resume can be undone by releasing the threads.
// World: hijack, leader.
#include "hijack/engine/checkpoint.hpp"

#include "hijack/engine/aside.hpp"
#include "hijack/engine/entry.hpp"
#include "hijack/engine/late_signals.hpp"
#include "hijack/engine/lending.hpp"
#include "hijack/engine/lifted_limit.hpp"
#include "hijack/engine/link.hpp"
#include "hijack/engine/quiesce.hpp"
#include "hijack/engine/record.hpp"
#include "hijack/engine/saved_state.hpp"
#include "hijack/engine/scratch.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/engine/stop_signal.hpp"
#include "hijack/engine/under_way.hpp"
#include "hijack/rt/fault.hpp"
#include "hijack/rt/log.hpp"
#include "hijack/virt/ids.hpp"

namespace stasis::hijack {
namespace {

struct Leader {
  ucontext_t* context;
  Scratch* scratch;
  bool is_rewound;  // its interrupted call, if there was one
  bool is_stopped;  // the other threads are
};

// Less than the coordinator's limit for this phase, for only the member can name the thread that does not stop.
constexpr std::uint64_t kStopLimitNs = 9'000'000'000;

class Checkpoint {
 public:
  explicit Checkpoint(Leader& leader) noexcept : leader_(leader), arena_(leader.scratch->arena()), link_(arena_), lending_(link_, arena_) {}

  void run() noexcept {
    // The threads first: while they run, a descriptor of ours could be seen, closed or inherited by a child.
    const Status stopped = stop_threads();
    {
      const LiftedLimit descriptors(RLIMIT_NOFILE);
      saved.descriptors = descriptors.before().rlim_cur;
      if (const Status connected = link_.connect(); connected.ok()) {
        if (const Status status = take_part(stopped); !status.ok()) report(status.error());
      } else if (connected.error().sys_errno == EMFILE) {
        call_aside([](void* checkpoint) { static_cast<Checkpoint*>(checkpoint)->decline(); }, this, leader_.scratch->side_stack_top());
      } else {
        log("no checkpoint", connected.error());
      }
      link_.close();  // by which the coordinator knows that we run on
      lending_.wait_for_return();
    }
    if (stopped_) {
      ThreadState& own = saved.kept->threads[0];
      let_time_pass(leader_.context, own.note.number, clock_ns(CLOCK_MONOTONIC) - stopped_ns_, &own.slot);
      leader_.is_stopped = true;
    }
  }

 private:
  // Says who is there, and hears what is wanted; false if nothing is.
  Result<bool> be_asked(proto::Begin& begin) noexcept {
    const std::string_view program = read_link("/proc/thread-self/exe", arena_);
    STASIS_TRY(link_.send(proto::Hello{settings.computation, programs_id(static_cast<std::int32_t>(sys::call(SYS_getpid))), false, program, false}));
    STASIS_TRY_VALUE(const Frame frame, link_.receive());
    if (frame.type != proto::MessageType::begin) return false;
    Reader(frame.payload).record(begin);
    link_.set_generation(begin.generation);
    return true;
  }

  // Where the program has no number left for a descriptor of ours. In a descriptor table of its own.
  void decline() noexcept {
    proto::Begin begin;
    Status status = link_.connect();
    if (status.ok()) {
      const Result<bool> asked = be_asked(begin);
      status = asked.ok() ? Status(system_error("socket", -EMFILE)) : Status(asked.error());
    }
    report(status.error());
    link_.close();
  }

  Status take_part(const Status& stopped) noexcept {
    proto::Begin begin;
    STASIS_TRY_VALUE(const bool asked, be_asked(begin));
    if (!asked) return {};
    if (!begin.stdio.empty()) read_stdio(begin.stdio);

    STASIS_TRY(stopped);
    rewind_own_call(begin);
    STASIS_TRY(let_bytes_arrive(arena_));
    STASIS_TRY(link_.send(proto::Quiesced{saved.kept->thread_count, stopped_ns_}));
    STASIS_TRY(link_.expect<proto::Elect>());
    if (Status mute = fault(Fault::member_mute); !mute.ok()) return link_.expect<proto::Resume>().error();
    Recorder recorder(arena_, begin, {leader_.scratch->start(), leader_.scratch->end()}, link_.fd());
    STASIS_TRY_VALUE(const proto::Inventory inventory, recorder.take_inventory());
    STASIS_TRY(link_.send(inventory));
    STASIS_TRY_VALUE(const proto::Elected elected, link_.expect<proto::Elected>());
    if (!fault(Fault::member_crash).ok()) sys::call(SYS_kill, sys::call(SYS_getpid), SIGKILL);
    STASIS_TRY(lending_.exchange(elected, recorder.descriptors()));
    STASIS_TRY_VALUE(const proto::Written written, recorder.write(elected));
    STASIS_TRY(link_.send(written));
    return link_.expect<proto::Resume>().ok() ? Status() : error(ErrorCode::abandoned, "after writing");
  }

  Status stop_threads() noexcept {
    STASIS_TRY(renew_kept());
    ThreadState& own = saved.kept->threads[0];
    own.note = {};
    std::memcpy(own.before, leader_.context->uc_mcontext.gregs, sizeof own.before);
    own.was_asleep = false;
    describe_self(own, leader_.context);
    own.phase.store(ThreadPhase::parked);
    saved.kept->thread_count = 1;
    stopped_ns_ = clock_ns(CLOCK_MONOTONIC);
    stop.epoch.fetch_add(1);
    stopped_ = true;
    find_ignored_signals();
    admit_ignored_signals(blocked_in(*leader_.context));
    return quiesce(stopped_ns_ + kStopLimitNs, leader_.scratch->side_stack_top());
  }

  void rewind_own_call(const proto::Begin& begin) noexcept {
    ThreadState& own = saved.kept->threads[0];
    CallNote note;
    const bool is_called = sys::call(SYS_gettid) == begin.called_thread;  // the kernel gives the signal to that thread if it can
    note.slept_ns = is_called ? begin.leader_slept_ns : 0;
    leader_.is_rewound = true;
    own.was_asleep = note.slept_ns != 0;
    own.note.number = rewind_call(leader_.context, note, &own.slot);
  }

  // Says why not, then waits until the coordinator has called all others off too: nobody runs on before.
  void report(Error failure) noexcept {
    if (failure.code == ErrorCode::system && failure.sys_errno == EMFILE) failure = error(ErrorCode::unsupported, "a process with as many descriptors open as its hard limit allows");
    log("checkpoint abandoned", failure);
    if (failure.code == ErrorCode::abandoned || failure.code == ErrorCode::no_coordinator) return;
    if (!link_.send(proto::Failed{failure.code, failure.sys_errno, failure.detail}).ok()) return;
    for (auto answer = link_.receive();; answer = link_.receive()) {
      if (!answer.ok()) return log("after the failure", answer.error());
      if (answer->type != proto::MessageType::lent) return;  // a loan that was under way
    }
  }

  Leader& leader_;
  Arena arena_;
  Link link_;
  Lending lending_;
  std::uint64_t stopped_ns_ = 0;
  bool stopped_ = false;
};

void run_checkpoint(Leader& leader) noexcept {
  Scratch scratch;
  if (const Status status = scratch.map(); !status.ok()) return log("no checkpoint", status.error());
  leader.scratch = &scratch;
  stasis_call_on_stack(
      &leader, [](void* argument) { Checkpoint(*static_cast<Leader*>(argument)).run(); }, scratch.stack_top());
}

}  // namespace

void lead_checkpoint(ucontext_t* context) noexcept {
  static constinit ThreadState alone{};  // where there was no stop
  std::memcpy(alone.before, context->uc_mcontext.gregs, sizeof alone.before);
  Leader leader{context, nullptr, false, false};
  run_checkpoint(leader);
  // An interrupted call of our own goes on, whether or not there was a checkpoint.
  ThreadState& own = leader.is_stopped ? saved.kept->threads[0] : alone;
  if (!leader.is_rewound) rewind_call(context, CallNote{}, &own.slot);
  let_signals_interrupt(*context, own);
  if (leader.is_stopped) release_threads();
}

}  // namespace stasis::hijack
