// Character devices without state: null, zero, full, random, urandom.
// World: hijack, leader.
#include <sys/sysmacros.h>

#include "hijack/kinds/kind.hpp"

namespace stasis::hijack {
namespace {

bool recognise(Description& description) noexcept {
  if (!S_ISCHR(description.status.st_mode) || major(description.status.st_rdev) != 1) return false;
  const unsigned number = minor(description.status.st_rdev);
  if (number != 3 && number != 5 && number != 7 && number != 8 && number != 9) return false;
  description.record.kind = image::DescriptionKind::device;
  return true;
}

}  // namespace

const Kind kinds_detail::device{recognise, nullptr};

}  // namespace stasis::hijack
