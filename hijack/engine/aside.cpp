// A descriptor table of our own for a moment, see aside.hpp.
// World: hijack.
#include "hijack/engine/aside.hpp"

#include <linux/close_range.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdint>

#include "core/image/states/message_queue.hpp"
#include "core/sys/syscall.hpp"
#include "hijack/engine/entry.hpp"

namespace stasis::hijack {
namespace {

constexpr std::uint64_t kStackSize = 64u << 10;  // Scratch::side_stack_top()

constexpr unsigned kCopied = 64;            // NR_OPEN_DEFAULT of linux/fdtable.h: so many are copied in any case
constexpr std::uint64_t kCloserStackSize = 8u << 10;

struct Call {
  void (*function)(void*);
  void* argument;
  char* stack;  // its lower end
};

void close_copied(void*) noexcept {
  sys::call(SYS_close_range, 0, kCopied - 1, 0);
  for (;;) sys::call(SYS_exit, 0);
}

bool has_copied_queue() noexcept {
  struct statfs system{};
  for (unsigned fd = 0; fd != kCopied; ++fd)
    if (sys::call(SYS_fstatfs, fd, &system) == 0 && system.f_type == image::kMessageQueueFileSystem) return true;
  return false;
}

void empty_table(char* stack) noexcept {
  sys::call(SYS_close_range, kCopied, ~0u, CLOSE_RANGE_UNSHARE);
  if (!has_copied_queue()) return void(sys::call(SYS_close_range, 0, kCopied - 1, 0));
  clone_args arguments = {};
  arguments.flags = CLONE_VM | CLONE_FILES | CLONE_VFORK;
  arguments.stack = reinterpret_cast<std::uint64_t>(stack);
  arguments.stack_size = kCloserStackSize;
  const long child = stasis_clone3(&arguments, sizeof arguments, close_copied, nullptr);
  if (child < 0) return void(sys::call(SYS_close_range, 0, kCopied - 1, 0));
  while (sys::call(SYS_wait4, child, nullptr, __WALL, nullptr) == -EINTR) {
  }
}

// Shares the program's thread pointer, which nobody else uses while the caller waits.
void run(void* argument) noexcept {
  const auto& call = *static_cast<const Call*>(argument);
  empty_table(call.stack);
  call.function(call.argument);
  for (;;) sys::call(SYS_exit, 0);
}

}  // namespace

void call_aside(void (*function)(void*), void* argument, void* stack_top) noexcept {
  Call call{function, argument, static_cast<char*>(stack_top) - kStackSize};
  clone_args arguments = {};
  // CLONE_VFORK: we wait until it has ended. Of threads that share their memory the kernel allows that as of any child.
  arguments.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_VFORK;
  arguments.stack = reinterpret_cast<std::uint64_t>(stack_top) - kStackSize;
  arguments.stack_size = kStackSize;
  if (stasis_clone3(&arguments, sizeof arguments, run, &call) <= 0) function(argument);
}

}  // namespace stasis::hijack
