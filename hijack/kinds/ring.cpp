// io_urings (io_uring_setup(2)) that were noted when they were made. What there is to keep of them the process keeps itself (hijack/engine/rings.hpp).
// World: hijack, leader.
#include "hijack/engine/ring_notes.hpp"
#include "hijack/kinds/kind.hpp"

namespace stasis::hijack {
namespace {

bool recognise(Description& description) noexcept {
  if (!description.record.path.starts_with("anon_inode:[io_uring]") || find_ring(description.record.inode) == nullptr) return false;
  description.record.kind = image::DescriptionKind::ring;
  return true;
}

}  // namespace

const Kind kinds_detail::ring{recognise, nullptr};

}  // namespace stasis::hijack
