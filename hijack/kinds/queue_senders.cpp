// Finding senders, see queue_senders.hpp: by the system call that each thread is in (proc_pid_syscall(5)).
// World: hijack, leader; its process of a moment.
#include "hijack/kinds/queue_senders.hpp"

#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"

namespace stasis::hijack {
namespace {

bool is_number(std::string_view name) noexcept { return !name.empty() && name.front() >= '0' && name.front() <= '9'; }

// "242 0x3 0x7ffc... ..."; empty where we may not look.
bool sends_to(std::string_view process, std::string_view thread, const struct stat& queue) noexcept {
  FixedString<64> task("/proc/");
  task.append(process).append("/task/").append(thread);
  char buffer[256];
  Text call(read_small(FixedString<64>(task).append("/syscall").c_str(), buffer, sizeof buffer));
  if (call.done() || !is_number(call.rest()) || call.number() != SYS_mq_timedsend) return false;
  const auto fd = static_cast<std::int64_t>(call.number(16));
  struct stat status{};
  return sys::call(SYS_newfstatat, AT_FDCWD, FixedString<64>(task).append("/fd/").append_signed(fd).c_str(), &status, 0) == 0 && status.st_ino == queue.st_ino &&
         status.st_dev == queue.st_dev;
}

// Not inlined: each list of a directory takes room on the stack.
[[gnu::noinline]] bool has_sender(std::string_view process, const struct stat& queue) noexcept {
  const OwnedFd threads = open_file(FixedString<64>("/proc/").append(process).append("/task").c_str(), O_RDONLY | O_DIRECTORY);
  if (!threads.ok()) return false;  // it has ended
  bool found = false;
  // So it may while its threads are listed.
  [[maybe_unused]] const Status listed = for_each_entry(threads.get(), [&](std::string_view thread) -> Status {
    found = found || sends_to(process, thread, queue);
    return {};
  });
  return found;
}

}  // namespace

Result<std::int32_t> find_waiting_sender(int queue) noexcept {
  struct stat status{};
  if (const long result = sys::call(SYS_fstat, queue, &status); result < 0) return system_error("fstat", result);
  const OwnedFd processes = open_file("/proc", O_RDONLY | O_DIRECTORY);
  if (!processes.ok()) return system_error("open /proc", processes.get());
  std::int32_t found = 0;
  STASIS_TRY(for_each_entry(processes.get(), [&](std::string_view process) -> Status {
    if (!is_number(process) || found != 0) return {};
    if (has_sender(process, status)) found = static_cast<std::int32_t>(Text(process).number());
    return {};
  }));
  return found;
}

}  // namespace stasis::hijack
