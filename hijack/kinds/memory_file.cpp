// Memory files (memfd_create(2)): all of their content is kept.
// World: hijack, leader.
#include "hijack/kinds/kind.hpp"

namespace stasis::hijack {
namespace {

bool recognise(Description& description) noexcept {
  if (!S_ISREG(description.status.st_mode) || !description.record.path.starts_with("/memfd:")) return false;
  description.record.kind = image::DescriptionKind::memory_file;
  return true;
}

Status record(Description& description, Sink& sink) noexcept {
  return record_content(description, description.record.size, description.record.content, sink);
}

}  // namespace

const Kind kinds_detail::memory_file{recognise, record};

}  // namespace stasis::hijack
