// Between the kernel and the program's signal handlers, where ids are virtual: see siginfo.hpp.
// World: hijack, any thread, also in signal handlers.
#include <sys/syscall.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/environment.hpp"
#include "core/sys/syscall.hpp"
#include "hijack/engine/notice.hpp"
#include "hijack/engine/saved_state.hpp"
#include "hijack/virt/siginfo.hpp"

namespace stasis::hijack {
namespace {

using Handler = void (*)(int, siginfo_t*, void*);
constinit std::atomic<Handler> handlers[65] = {};

void translate(int signal, siginfo_t* info, void* context) noexcept(false) {
  tell_program(*info);
  handlers[signal].load()(signal, info, context);
}

bool is_set(const void* handler) noexcept { return handler != reinterpret_cast<void*>(SIG_DFL) && handler != reinterpret_cast<void*>(SIG_IGN); }

}  // namespace

void put_between(int signal, struct sigaction& action) noexcept {
  if (!ids_are_virtual() || signal < 1 || signal > 64 || (action.sa_flags & SA_SIGINFO) == 0 || !is_set(reinterpret_cast<void*>(action.sa_sigaction))) return;
  handlers[signal].store(action.sa_sigaction);
  action.sa_sigaction = translate;
}

void* noted_handler(int signal) noexcept { return signal < 1 || signal > 64 ? nullptr : reinterpret_cast<void*>(handlers[signal].load()); }

bool is_between(const void* kernels_handler) noexcept { return kernels_handler == reinterpret_cast<void*>(translate); }

void put_between_all() noexcept {
  constexpr int kLibraries[] = {32, 33};  // of the C library, which compares ids with the kernel's
  for (int signal = 1; signal <= 64; ++signal) {
    KernelAction action = saved.actions[signal];
    if (signal == kLibraries[0] || signal == kLibraries[1] || signal == kStopSignal || keeps_action(signal)) continue;
    if ((action.flags & SA_SIGINFO) == 0 || !is_set(action.handler)) continue;
    handlers[signal].store(reinterpret_cast<Handler>(action.handler));
    action.handler = reinterpret_cast<void*>(translate);
    sys::call(SYS_rt_sigaction, signal, &action, nullptr, 8);
  }
}

}  // namespace stasis::hijack
