// Guards and policies, see area_state.hpp.
// World: hijack.
#include "hijack/engine/area_state.hpp"

#include <linux/mempolicy.h>

#include "hijack/engine/saved_state.hpp"

namespace stasis::hijack {
namespace {

constexpr int kInstallGuards = 102;  // MADV_GUARD_INSTALL, Linux 6.13
constexpr std::uint64_t kUserSpaceEnd = 0x7ffffffff000;

bool is_sealed(const MemoryMap& map, const AddressRange& range) noexcept {
  for (const Mapping& mapping : map.mappings)
    if (mapping.record.start < range.end && range.start < mapping.record.end && (mapping.record.flags & image::kSealed) != 0) return true;
  return false;
}

Status save_guards(const MemoryMap& map, PageScan& scan, AreaState& areas) noexcept {
  for (std::uint64_t at = 0;;) {
    STASIS_TRY_VALUE(const AddressRange range, scan.next_guards(at, kUserSpaceEnd));
    if (range.start == range.end) return {};
    if (areas.guard_count == sizeof areas.guards / sizeof areas.guards[0]) return error(ErrorCode::unsupported, "more than 65536 ranges of guard pages");
    if (is_sealed(map, range)) return error(ErrorCode::unsupported, FixedString<320>("guard pages in sealed memory at 0x").append_number(range.start, 16));
    areas.guards[areas.guard_count++] = {range.start, range.end};
    at = range.end;
  }
}

Status save_policies(const MemoryMap& map, AreaState& areas) noexcept {
  for (const Mapping& mapping : map.mappings) {
    MemoryPolicy policy{};
    if (sys::call(SYS_get_mempolicy, &policy.mode, policy.nodes, kPolicyNodes, mapping.record.start, MPOL_F_ADDR) < 0) return {};
    if (policy.mode == MPOL_DEFAULT) continue;  // nothing was said of the area
    if (areas.policy_count == sizeof areas.policies / sizeof areas.policies[0]) return error(ErrorCode::unsupported, "more than 4096 areas with a memory policy");
    areas.policies[areas.policy_count++] = {mapping.record.start, mapping.record.end, policy};
  }
  return {};
}

}  // namespace

Status save_areas(const MemoryMap& map, PageScan& scan) noexcept {
  AreaState& areas = saved.kept->areas;
  STASIS_TRY(save_guards(map, scan, areas));
  return save_policies(map, areas);
}

Status restore_areas() noexcept {
  const AreaState& areas = saved.kept->areas;
  for (std::uint32_t i = 0; i != areas.guard_count; ++i) {
    const GuardedRange& range = areas.guards[i];
    const long result = sys::call(SYS_madvise, range.start, range.end - range.start, kInstallGuards);
    if (result < 0) return system_error("install guard pages", result);
  }
  for (std::uint32_t i = 0; i != areas.policy_count; ++i) {
    const PolicyRange& range = areas.policies[i];
    sys::call(SYS_mbind, range.start, range.end - range.start, range.policy.mode, range.policy.nodes, kPolicyNodes, MPOL_MF_MOVE);
  }
  return {};
}

}  // namespace stasis::hijack
