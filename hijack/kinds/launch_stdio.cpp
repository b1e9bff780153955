// Pipes and sockets that the first program got as standard streams: their other ends are the launcher's, so they are known by identity
// (STASIS_STDIO) and replaced at a restart. Any other pipe counts as the computation's own, both ends.
// World: hijack, leader.
#include "hijack/kinds/kind.hpp"

namespace stasis::hijack {
namespace {

bool recognise(Description& description) noexcept {
  if (!S_ISFIFO(description.status.st_mode) && !S_ISSOCK(description.status.st_mode)) return false;
  const int index = stdio_index(description.status);
  if (index < 0) return false;
  description.record.kind = image::DescriptionKind::launch_stdio;
  description.record.stdio = static_cast<std::uint32_t>(index);
  return true;
}

}  // namespace

const Kind kinds_detail::launch_stdio{"standard stream", recognise, nullptr};

}  // namespace stasis::hijack
