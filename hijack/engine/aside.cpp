// A descriptor table of our own for a moment, see aside.hpp.
// World: hijack.
#include "hijack/engine/aside.hpp"

#include <linux/close_range.h>
#include <linux/sched.h>
#include <sys/syscall.h>

#include <cstdint>

#include "core/sys/syscall.hpp"
#include "hijack/engine/entry.hpp"

namespace stasis::hijack {
namespace {

constexpr std::uint64_t kStackSize = 64u << 10;  // Scratch::side_stack_top()

struct Call {
  void (*function)(void*);
  void* argument;
};

// Shares the program's thread pointer, which nobody else uses while the caller waits.
void run(void* argument) noexcept {
  const auto& call = *static_cast<const Call*>(argument);
  sys::call(SYS_close_range, 0, ~0u, CLOSE_RANGE_UNSHARE);
  call.function(call.argument);
  for (;;) sys::call(SYS_exit, 0);
}

}  // namespace

void call_aside(void (*function)(void*), void* argument, void* stack_top) noexcept {
  Call call{function, argument};
  clone_args arguments = {};
  // CLONE_VFORK: we wait until it has ended. Of threads that share their memory the kernel allows that as of any child.
  arguments.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_VFORK;
  arguments.stack = reinterpret_cast<std::uint64_t>(stack_top) - kStackSize;
  arguments.stack_size = kStackSize;
  if (stasis_clone3(&arguments, sizeof arguments, run, &call) <= 0) function(argument);
}

}  // namespace stasis::hijack
