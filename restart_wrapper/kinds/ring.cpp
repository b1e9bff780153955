// io_urings: something that holds their numbers, until their process makes them anew (hijack/engine/rings.hpp).
//
// World: programs.
#include <sys/eventfd.h>

#include <cerrno>

#include "restart_wrapper/kinds/kind.hpp"

namespace stasis::restart {
namespace {

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  for (const Description* one : all) {
    const int fd = ::eventfd(0, EFD_CLOEXEC);
    if (fd < 0) return system_error("hold the number of an io_uring", -errno);
    STASIS_TRY(workshop.put(one->record.id, fd));
  }
  return {};
}

}  // namespace

const Kind kinds_detail::ring{image::DescriptionKind::ring, nullptr, recreate};

}  // namespace stasis::restart
