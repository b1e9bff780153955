// Timer descriptors (timerfd_create(2)): what is left of their time, and the expirations that nobody has read.
// World: hijack, leader.
#include "core/image/states/timer.hpp"

#include "hijack/kinds/descriptor_facts.hpp"

namespace stasis::hijack {
namespace {

bool recognise(Description& description) noexcept {
  if (!description.record.path.starts_with("anon_inode:[timerfd]")) return false;
  description.record.kind = image::DescriptionKind::timer;
  return true;
}

// "(seconds, nanoseconds)"
std::uint64_t time_in(std::string_view text) noexcept {
  Text number(from(text, 1));
  const std::uint64_t seconds = number.number();
  number.skip(1);
  return seconds * 1'000'000'000u + number.number();
}

Status record(Description& description, Sink& sink) noexcept {
  char buffer[1024];
  const std::string_view facts = descriptor_facts(description.fd, buffer, sizeof buffer);
  if (field_of(facts, "clockid:").empty()) return error(ErrorCode::unsupported, "a timer descriptor of which the kernel tells nothing (it takes CONFIG_PROC_FS and Linux 3.17)");
  image::Timer timer;
  timer.clock = static_cast<std::int32_t>(Text(field_of(facts, "clockid:")).number());
  timer.ticks = Text(field_of(facts, "ticks:")).number();
  Text flags(field_of(facts, "settime flags:"));
  for (flags.skip_blanks(); !flags.done() && flags.rest().front() >= '0' && flags.rest().front() <= '7'; flags.skip(1)) timer.flags = timer.flags * 8 + (flags.rest().front() - '0');
  timer.left_ns = time_in(field_of(facts, "it_value:"));
  timer.interval_ns = time_in(field_of(facts, "it_interval:"));
  timer.clock_now_ns = clock_ns(timer.clock);
  return set_state(description, sink.arena, timer);
}

}  // namespace

const Kind kinds_detail::timer{recognise, record};

}  // namespace stasis::hijack
