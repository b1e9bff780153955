// Pipes and sockets that the first program got as standard streams: their other ends are the launcher's, so they are known by identity
// (STASIS_STDIO) and replaced at a restart. Any other pipe counts as the computation's own, both ends. A file that the launcher opened and
// that the program's user may not open by its name is such a stream too.
// World: hijack, leader.
#include <unistd.h>

#include "core/sys/syscall.hpp"
#include "hijack/kinds/kind.hpp"

namespace stasis::hijack {
namespace {

// Whether the file could be opened again as it is open now, by the name that it has.
bool can_be_opened(const image::DescriptionRecord& record) noexcept {
  const FixedString<4096> path(record.path);
  const std::uint32_t access = record.status_flags & O_ACCMODE;
  const int wanted = access == O_RDONLY ? R_OK : access == O_WRONLY ? W_OK : R_OK | W_OK;
  return sys::call(SYS_faccessat, AT_FDCWD, path.c_str(), wanted) != -EACCES;
}

bool recognise(Description& description) noexcept {
  const bool from_outside = S_ISFIFO(description.status.st_mode) || S_ISSOCK(description.status.st_mode) ||
                            (S_ISREG(description.status.st_mode) && !description.record.deleted && !can_be_opened(description.record));
  if (!from_outside) return false;
  const int index = stdio_index(description.status);
  if (index < 0) return false;
  description.record.kind = image::DescriptionKind::launch_stdio;
  description.record.stdio = static_cast<std::uint32_t>(index);
  return true;
}

}  // namespace

const Kind kinds_detail::launch_stdio{recognise, nullptr};

}  // namespace stasis::hijack
