// The stop signal: the only thing of ours that runs uncalled in the program.
//
// Sent by the node coordinator it makes the thread that gets it the leader of a checkpoint. Sent by the leader, with the number of the
// thread's slot, it makes the thread park until the leader releases all.
// World: hijack.
#pragma once
#include <sys/types.h>
#include <ucontext.h>

#include <atomic>
#include <cstdint>

#include "hijack/engine/saved_state.hpp"

namespace stasis::hijack {

// How leader and threads find each other.
struct Stop {
  std::atomic<std::int32_t> leader{0};     // tid, 0: no checkpoint runs
  std::atomic<std::uint32_t> epoch{0};     // number of the stop that runs or ran last
  std::atomic<std::uint32_t> complete{0};  // number of the last stop in which all threads stood still at last
  std::atomic<std::uint32_t> released{0};  // number of the last stop that is over
  std::atomic<std::uint32_t> news{0};      // counts what parked threads are told; futex
  std::atomic<std::int32_t> asked{0};      // tid of a parked thread that is to ask for results of `ring`, 0: none; futex
  std::atomic<std::int32_t> ring{-1};
  std::atomic<std::uint32_t> arrived{0};   // counts threads that have reached the handler; futex
  std::uint64_t ignored = 0;               // signals that came to nothing as the actions were at the last stop
  std::atomic<std::uint64_t> admitted{0};  // those that the handler does not block, as far as the program has set them by the C library since
};
extern constinit Stop stop;

void install_stop_handler() noexcept;
// In the child of a fork: the checkpoint that its parent may have been in is none of its business.
void forget_checkpoint() noexcept;

// Signals that the program ignores are not blocked while threads stand still: one that the thread blocks to which the kernel sends it would reach another, and end a call of that with EINTR
// (prepare_signal() and complete_signal() of kernel/signal.c). All others are: a handler of the program's must not run within ours.
bool is_ignored(int signal, const void* handler) noexcept;
// The program is about to give `signal` an action that handles it (false), or has given it one that ignores it (true).
void admit_signal(int signal, bool is_admitted) noexcept;
// By the leader, before it stops others: finds out which are ignored, for the program may have set actions by system calls of its own.
void find_ignored_signals() noexcept;
// By a thread that stands still without having been stopped; what the program `blocks` in it stays blocked.
void admit_ignored_signals(std::uint64_t blocks) noexcept;
std::uint64_t blocked_in(const ucontext_t& context) noexcept;

// Sends the stop signal to a thread of this process, with its slot. Returns the kernel's answer.
long signal_thread(std::int32_t tid, std::uint32_t slot) noexcept;
// The same by the second signal, for a thread that blocks the stop signal: one of the C library's own (timer_create with SIGEV_THREAD, aio_read), which
// block all but the signal by which setuid(2) is brought to every thread. It is borrowed until release_threads(). False if it is not to be had.
bool borrow_second_signal() noexcept;
long signal_thread_otherwise(std::int32_t tid, std::uint32_t slot) noexcept;
// The action that the second signal has when it is not borrowed, null if it is not.
const KernelAction* lent_action() noexcept;
inline constexpr int kSecondSignal = 33;  // SIGSETXID of glibc, nptl/descr.h
// All threads stand still: has those that have signals pending (ThreadState::pending) save them, which needs descriptors that nobody shall see, and waits for that.
void save_pending_of_threads() noexcept;
// Has the parked thread `tid` ask for results of an io_uring by descriptor `ring`, which nobody else may (IORING_SETUP_DEFER_TASKRUN), and waits until it has. It waits for none.
void ask_for_results(std::int32_t tid, int ring) noexcept;
// Lets all parked threads go on.
void release_threads() noexcept;

// Fills in what only the thread itself can find out; also for the leader.
void describe_self(ThreadState& state, ucontext_t* context) noexcept;

// Where the kernel's vdso is mapped; start 0 if it is not known.
struct VdsoRange {
  std::uint64_t start, end;
};
extern constinit VdsoRange vdso;

}  // namespace stasis::hijack
