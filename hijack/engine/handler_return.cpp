// The way back from the program's signal handlers, see handler_return.hpp.
// World: hijack, any thread, also in signal handlers.
#include "hijack/engine/handler_return.hpp"

#include <signal.h>
#include <sys/syscall.h>

#include "core/sys/syscall.hpp"
#include "hijack/engine/late_signals.hpp"
#include "hijack/engine/rest_of_call.hpp"

extern "C" {
void stasis_return_from_ending();
void stasis_return_from_restarting();
[[gnu::used, gnu::visibility("hidden")]] int stasis_handler_returns(ucontext_t* context, int restarts);
}

namespace stasis::hijack {
namespace {

constexpr std::uint64_t kRestorer = 0x04000000;  // SA_RESTORER

bool has_handler(const KernelAction& action) noexcept { return action.handler != reinterpret_cast<void*>(SIG_DFL) && action.handler != reinterpret_cast<void*>(SIG_IGN); }

bool is_thread_of(const Kept* kept, const ThreadState* state) noexcept { return kept != nullptr && state >= kept->threads && state < kept->threads + kMaximumThreads; }

}  // namespace

void return_past_us(int signal) noexcept {
  KernelAction action{};
  if (sys::call(SYS_rt_sigaction, signal, nullptr, &action, sizeof action.mask) != 0 || !has_handler(action) || (action.flags & kRestorer) == 0) return;
  void* const ours = reinterpret_cast<void*>((action.flags & SA_RESTART) != 0 ? stasis_return_from_restarting : stasis_return_from_ending);
  if (action.restorer == ours) return;
  action.restorer = ours;
  KernelAction before{};
  sys::call(SYS_rt_sigaction, signal, &action, &before, sizeof action.mask);
  // The signal has come meanwhile, and its action was for once (SA_RESETHAND); or another thread has set one.
  if (before.handler != action.handler) sys::call(SYS_rt_sigaction, signal, &before, nullptr, sizeof before.mask);
}

}  // namespace stasis::hijack

// A handler returns to what `context` says. Whether that is now a call that has just ended.
int stasis_handler_returns(ucontext_t* context, int restarts) {
  using namespace stasis::hijack;
  if (leave_rest(context->uc_mcontext.gregs)) return 1;
  if (end_rest(context->uc_mcontext.gregs)) return 0;
  const auto* const state = reinterpret_cast<const ThreadState*>(context->uc_mcontext.gregs[REG_RCX]);
  if (!is_thread_of(saved.kept, state) && !is_thread_of(saved.kept_before, state)) return 0;
  return let_handler_interrupt(*context, *state, restarts != 0) ? 1 : 0;
}
