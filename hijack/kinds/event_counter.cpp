// Event counters (eventfd(2)): their count is in /proc/thread-self/fdinfo.
// World: hijack, leader.
#include "hijack/kinds/kind.hpp"
#include "hijack/rt/text.hpp"

namespace stasis::hijack {
namespace {

bool recognise(Description& description) noexcept {
  if (!description.record.path.starts_with("anon_inode:[eventfd]")) return false;
  description.record.kind = image::DescriptionKind::event_counter;
  return true;
}

Status record(Description& description, Sink&) noexcept {
  FixedString<64> path("/proc/thread-self/fdinfo/");
  path.append_signed(description.fd);
  char buffer[1024];
  const std::string_view file = read_small(path.c_str(), buffer, sizeof buffer);
  const std::string_view count = field_of(file, "eventfd-count:");
  if (count.empty()) return error(ErrorCode::unsupported, "an event counter whose count the kernel does not tell");
  Text number(count);
  description.record.counter = number.number(16);
  Text semaphore(field_of(file, "eventfd-semaphore:"));
  description.record.semaphore = semaphore.number() != 0;
  return {};
}

}  // namespace

const Kind kinds_detail::event_counter{recognise, record};

}  // namespace stasis::hijack
