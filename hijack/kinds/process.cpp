// Process descriptors (pidfd_open(2)). Those of processes that are not in the computation are not recognised: nothing would be right about them at a restart.
// World: hijack, leader.
#include "core/image/states/process.hpp"

#include "hijack/engine/process_record.hpp"
#include "hijack/kinds/descriptor_facts.hpp"
#include "hijack/virt/ids.hpp"

namespace stasis::hijack {
namespace {

constexpr std::uint32_t kThread = O_EXCL;  // PIDFD_THREAD, Linux 6.9

std::int32_t pid_of(int fd) noexcept {
  char buffer[1024];
  const std::string_view pid = field_of(descriptor_facts(fd, buffer, sizeof buffer), "Pid:");
  return pid.empty() ? 0 : static_cast<std::int32_t>(Text(pid).number());
}

std::int32_t process_of_thread(std::int32_t tid) noexcept {
  char buffer[1024];
  return static_cast<std::int32_t>(Text(field_of(read_small(FixedString<64>("/proc/").append_signed(tid).append("/status").c_str(), buffer, sizeof buffer), "Tgid:")).number());
}

bool recognise(Description& description) noexcept {
  const std::string_view path = description.record.path;
  if (!path.starts_with("anon_inode:[pidfd]") && !path.starts_with("pidfd:")) return false;
  const std::int32_t pid = pid_of(description.fd);
  const bool thread = (description.record.status_flags & kThread) != 0;
  if (pid == 0 || (pid > 0 && !is_recorded(thread ? process_of_thread(pid) : pid))) return false;
  description.record.kind = image::DescriptionKind::process;
  return true;
}

Status record(Description& description, Sink& sink) noexcept {
  return set_state(description, sink.arena, image::ProcessReference{programs_id(pid_of(description.fd)), (description.record.status_flags & kThread) != 0});
}

}  // namespace

const Kind kinds_detail::process{recognise, record};

}  // namespace stasis::hijack
