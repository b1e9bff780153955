// Descriptors opened with O_PATH: a name and nothing else.
// World: hijack, leader.
#include "hijack/kinds/kind.hpp"

namespace stasis::hijack {
namespace {

bool recognise(Description& description) noexcept {
  if ((description.record.status_flags & O_PATH) == 0) return false;
  description.record.kind = image::DescriptionKind::path_only;
  return true;
}

}  // namespace

const Kind kinds_detail::path_only{recognise, nullptr};

}  // namespace stasis::hijack
