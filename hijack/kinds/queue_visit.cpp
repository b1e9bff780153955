// Processes of a moment, see queue_visit.hpp, clone(2).
// World: hijack, leader.
#include "hijack/kinds/queue_visit.hpp"

#include <linux/sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "hijack/engine/entry.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"

namespace stasis::hijack {
namespace {

constexpr std::size_t kStackSize = 64u << 10;

struct Visit {
  int fd;
  int access;
  void (*function)(int queue, void* argument);
  void* argument;
  long opened = 0;
};

bool can_do(int fd, int access) noexcept {
  const long mode = sys::call(SYS_fcntl, fd, F_GETFL) & O_ACCMODE;
  return mode == O_RDWR || mode == access;
}

// Signals are blocked, as the leader's are; its descriptors go with it.
void run(void* argument) noexcept {
  Visit& visit = *static_cast<Visit*>(argument);
  int queue = visit.fd;
  if (!can_do(queue, visit.access)) {
    queue = static_cast<int>(sys::call(SYS_openat, AT_FDCWD, FixedString<64>("/proc/thread-self/fd/").append_signed(visit.fd).c_str(), visit.access | O_CLOEXEC));
    visit.opened = queue;
  }
  if (queue >= 0) visit.function(queue, visit.argument);
  for (;;) sys::call(SYS_exit, 0);
}

}  // namespace

Status visit_queue(int fd, int access, Arena& arena, void (*function)(int queue, void* argument), void* argument) noexcept {
  Visit visit{fd, access, function, argument};
  void* stack = arena.take(kStackSize);
  if (stack == nullptr) return out_of_arena();
  clone_args arguments = {};
  arguments.flags = CLONE_VM | CLONE_VFORK;  // we wait until it has ended; it tells nobody of its end
  arguments.stack = reinterpret_cast<std::uint64_t>(stack);
  arguments.stack_size = kStackSize;
  const long child = stasis_clone3(&arguments, sizeof arguments, run, &visit);
  if (child < 0) return system_error("make a process that looks into a queue", child);
  while (sys::call(SYS_wait4, child, nullptr, __WALL, nullptr) == -EINTR) {
  }
  return visit.opened < 0 ? system_error("open a message queue for reading and writing", visit.opened) : Status();
}

// "QSIZE:9          NOTIFY:0     SIGNO:10    NOTIFY_PID:29720"
Result<QueueFacts> read_queue_facts(int queue) noexcept {
  char buffer[128];
  const long got = sys::call(SYS_pread64, queue, buffer, sizeof buffer, 0);
  if (got < 0) return system_error("read what a message queue tells", got);
  const auto number_after = [&](std::string_view key) {
    Text text({buffer, static_cast<std::size_t>(got)});
    while (!text.done() && !text.rest().starts_with(key)) text.skip(1);
    text.skip(key.size());
    return static_cast<std::int32_t>(text.number());
  };
  QueueFacts facts;
  facts.how = number_after("NOTIFY:"), facts.signal = number_after("SIGNO:"), facts.registered = number_after("NOTIFY_PID:");
  facts.has_registration = facts.how != 0 || facts.signal != 0 || facts.registered != 0;
  return facts;
}

}  // namespace stasis::hijack
