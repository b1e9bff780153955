// Signal descriptors (signalfd(2)). What they would read is pending in the processes and kept there.
// World: hijack, leader.
#include "core/image/states/signal_set.hpp"

#include "hijack/kinds/descriptor_facts.hpp"

namespace stasis::hijack {
namespace {

bool recognise(Description& description) noexcept {
  if (!description.record.path.starts_with("anon_inode:[signalfd]")) return false;
  description.record.kind = image::DescriptionKind::signal_set;
  return true;
}

Status record(Description& description, Sink& sink) noexcept {
  char buffer[512];
  const std::string_view signals = field_of(descriptor_facts(description.fd, buffer, sizeof buffer), "sigmask:");
  if (signals.empty()) return error(ErrorCode::unsupported, "a signal descriptor whose signals the kernel does not tell");
  return set_state(description, sink.arena, image::SignalSet{Text(signals).number(16)});
}

}  // namespace

const Kind kinds_detail::signal_set{recognise, record};

}  // namespace stasis::hijack
