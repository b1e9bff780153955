// Directories: opened again by name.
// World: hijack, leader.
#include "hijack/kinds/kind.hpp"

namespace stasis::hijack {
namespace {

bool recognise(Description& description) noexcept {
  if (!S_ISDIR(description.status.st_mode)) return false;
  description.record.kind = image::DescriptionKind::directory;
  return true;
}

}  // namespace

const Kind kinds_detail::directory{recognise, nullptr};

}  // namespace stasis::hijack
