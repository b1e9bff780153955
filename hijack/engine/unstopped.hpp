// A moment in which the calling thread is not stopped: between what the kernel has done and our note of it no checkpoint can come.
//
// All signals wait, for a handler of the program's might leave such a moment by a jump. To be short: a checkpoint waits for it.
// World: hijack, any thread; no errno.
#pragma once
#include <csignal>
#include <cstdint>

#include "core/sys/syscall.hpp"

namespace stasis::hijack {

class Unstopped {
 public:
  Unstopped() noexcept {
    const std::uint64_t all = ~std::uint64_t{0};
    sys::call(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before_, sizeof before_);
  }
  ~Unstopped() { sys::call(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr, sizeof before_); }
  Unstopped(const Unstopped&) = delete;
  Unstopped& operator=(const Unstopped&) = delete;

 private:
  std::uint64_t before_ = 0;
};

}  // namespace stasis::hijack
