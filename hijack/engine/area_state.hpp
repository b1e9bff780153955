// What areas of memory have besides their bytes and what maps and smaps tell: guard pages (MADV_GUARD_INSTALL) and memory policies (mbind).
//
// Found at the checkpoint and kept in the process's own memory; put back by the restored library when that memory is full again.
// World: hijack, leader; afterwards the restored main thread.
#pragma once
#include <cstdint>

#include "core/base/result.hpp"
#include "hijack/engine/memory_map.hpp"
#include "hijack/engine/page_scan.hpp"

namespace stasis::hijack {

// As get_mempolicy(2) gives it and set_mempolicy(2) takes it, for at most 1024 nodes.
struct MemoryPolicy {
  std::int32_t mode;
  std::uint64_t nodes[16];
};
inline constexpr unsigned long kPolicyNodes = 1024;

struct GuardedRange {
  std::uint64_t start, end;
};

struct PolicyRange {
  std::uint64_t start, end;
  MemoryPolicy policy;
};

struct AreaState {
  std::uint32_t guard_count, policy_count;
  GuardedRange guards[65536];
  PolicyRange policies[4096];
};

Status save_areas(const MemoryMap& map, PageScan& scan) noexcept;
// Errors: system. A policy for nodes that this machine has not got is none.
Status restore_areas() noexcept;

}  // namespace stasis::hijack
