// What the kernel keeps for a whole process and can be set only from inside its finished memory: what a core dump holds, huge pages, merging, locking,
// execution of what was writable or readable.
//
// World: hijack, leader; afterwards the restored main thread.
#pragma once
#include <cstdint>

#include "hijack/rt/memory.hpp"

namespace stasis::hijack {

struct ProcessAttributes {
  std::int32_t thp_disabled;       // PR_GET_THP_DISABLE
  std::int32_t merges_memory;      // PR_GET_MEMORY_MERGE
  std::int32_t write_or_execute;   // PR_GET_MDWE
  FutureLocks future_locks;        // mlockall(MCL_FUTURE)
  std::uint32_t personality;       // personality(2)
  bool has_dump_filter;
  std::uint64_t dump_filter;       // /proc/self/coredump_filter
};

void read_process_attributes(ProcessAttributes& attributes) noexcept;
// As far as this machine and user allow it.
void take_process_attributes(const ProcessAttributes& attributes) noexcept;

}  // namespace stasis::hijack
