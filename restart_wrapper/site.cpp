// Choosing places in the address space, see site.hpp.
// World: programs.
#include "restart_wrapper/site.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "restart_wrapper/handover.hpp"
#include "restart_wrapper/shared_memory.hpp"

namespace stasis::restart {
namespace {

// Nothing of the program may be near: stacks grow down, the heap grows up.
constexpr std::uint64_t kMargin = 1u << 30;
constexpr std::uint64_t kAlignment = 2u << 20;

std::uint64_t round_up(std::uint64_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

Status choose_places(Site& site) {
  RangeSet taken;
  std::uint64_t plan = 0, shared = 0;
  for (const image::Image& image : site.computation->members) {
    for (const image::MappingRecord& mapping : image.mappings()) taken.add({mapping.start, mapping.end});
    const image::ProcessRecord& process = image.process();
    taken.add({process.vvar_start, process.vdso_end});
    taken.add({process.start_brk, process.brk});
    if (process.members_start != 0) taken.add({process.members_start, process.members_start + (64u << 20)});
    plan = std::max(plan, largest_plan_size(image, site.vdso));
  }
  for (const auto& [id, memory] : site.computation->shared_memory) shared += place_of(*site.computation, memory);
  STASIS_TRY_VALUE(const std::vector<OwnMapping> own, own_mappings());
  for (const OwnMapping& mapping : own) taken.add(mapping.range);

  const std::uint64_t parking = round_up(restorer_size() + plan);
  const std::uint64_t refuge = round_up(site.vdso.block.length());
  const Range hole = taken.find_hole(parking + shared + refuge, kAlignment, kMargin, kUserSpace);
  if (hole.length() == 0) return error(ErrorCode::restore_failed, "there is no address range that neither the program nor stasis uses");
  void* reserved = ::mmap(reinterpret_cast<void*>(hole.start), hole.length(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (reserved == MAP_FAILED) return system_error("reserve the parking place", -errno);
  site.parking = {hole.start, hole.start + parking};
  site.shared = {site.parking.end, site.parking.end + shared};
  site.vdso_refuge = {site.shared.end, site.shared.end + refuge};
  return {};
}

}  // namespace stasis::restart
