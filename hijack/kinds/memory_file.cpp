// Memory files (memfd_create(2)): all of their content is kept, and what they are sealed against.
// World: hijack, leader.
#include "core/image/states/memory_file.hpp"

#include "hijack/kinds/kind.hpp"

namespace stasis::hijack {
namespace {

bool recognise(Description& description) noexcept {
  if (!S_ISREG(description.status.st_mode) || !description.record.path.starts_with("/memfd:")) return false;
  description.record.kind = image::DescriptionKind::memory_file;
  return true;
}

Status record(Description& description, Sink& sink) noexcept {
  const long seals = sys::call(SYS_fcntl, description.fd, F_GET_SEALS);
  if (seals < 0) return system_error("F_GET_SEALS", seals);
  STASIS_TRY(set_state(description, sink.arena, image::MemoryFile{static_cast<std::uint32_t>(seals)}));
  return record_content(description, description.record.size, description.record.content, sink);
}

}  // namespace

const Kind kinds_detail::memory_file{recognise, record};

}  // namespace stasis::hijack
