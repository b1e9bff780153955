// A moment in which the calling thread is not stopped: between what the kernel has done and our note of it no checkpoint can come.
//
// All signals wait that may have a handler, for that might leave such a moment by a jump. One that the program ignores would reach another thread, and end a call of that, if this one blocked it
// (stop_signal.hpp). To be short: a checkpoint waits for it.
// World: hijack, any thread; no errno.
#pragma once
#include <csignal>
#include <cstdint>

#include "core/sys/syscall.hpp"
#include "hijack/engine/stop_signal.hpp"

namespace stasis::hijack {

class Unstopped {
 public:
  Unstopped() noexcept {
    const std::uint64_t blocked = ~stop.admitted.load(std::memory_order_relaxed);
    sys::call(SYS_rt_sigprocmask, SIG_BLOCK, &blocked, &before_, sizeof before_);
  }
  ~Unstopped() { sys::call(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, sizeof before_); }
  Unstopped(const Unstopped&) = delete;
  Unstopped& operator=(const Unstopped&) = delete;

 private:
  std::uint64_t before_ = 0;
};

}  // namespace stasis::hijack
