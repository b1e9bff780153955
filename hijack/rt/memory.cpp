// See memory.hpp.
// World: hijack.
#include "hijack/rt/memory.hpp"

#include <sys/mman.h>

#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"

namespace stasis::hijack {
namespace {

constexpr std::size_t kPage = 4096;

long map_page() noexcept { return sys::call(SYS_mmap, nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); }

// Kilobytes.
std::uint64_t locked_memory() noexcept {
  char buffer[4096];
  return Text(field_of(read_small("/proc/thread-self/status", buffer, sizeof buffer), "VmLck:")).number();
}

}  // namespace

// What is locked grows locked, and what is not does not: so one page is unlocked, and grows.
long map_unlocked(std::size_t size) noexcept {
  const long page = map_page();
  if (sys::failed(page)) return page;
  sys::call(SYS_munlock, page, kPage);
  const long place = sys::call(SYS_mremap, page, kPage, size, MREMAP_MAYMOVE, 0);
  if (sys::failed(place)) sys::call(SYS_munmap, page, kPage);
  return place;
}

// The kernel does not tell, but counts.
FutureLocks find_future_locks() noexcept {
  const std::uint64_t before = locked_memory();
  const long page = map_page();
  if (sys::failed(page)) return FutureLocks::none;
  FutureLocks found = FutureLocks::none;
  if (locked_memory() > before) {
    unsigned char resident = 0;
    sys::call(SYS_mincore, page, kPage, &resident);
    found = (resident & 1) != 0 ? FutureLocks::whole : FutureLocks::on_fault;
  }
  sys::call(SYS_munmap, page, kPage);
  return found;
}

}  // namespace stasis::hijack
