// What the kernel keeps for each thread alone and only that thread can ask for or set: I/O priority, memory policy, and the settings of prctl and arch_prctl.
//
// World: hijack, the thread itself: in the handler of the stop signal, and as a restored thread.
#pragma once
#include <cstdint>

#include "hijack/engine/area_state.hpp"

namespace stasis::hijack {

struct ThreadAttributes {
  std::int32_t io_priority;           // ioprio_get(2); 0: none of its own
  std::int32_t machine_check;         // PR_MCE_KILL_GET
  std::int32_t time_stamp;            // PR_GET_TSC
  std::int32_t processor_identity;    // ARCH_GET_CPUID
  std::int32_t speculation[3];        // PR_GET_SPECULATION_CTRL of store bypass, indirect branches, flushing the first cache
  std::int32_t filter;                // PR_GET_SECCOMP
  bool has_ring;                      // an io_uring that is registered with the thread, and needs no descriptor (IORING_REGISTER_RING_FDS)
  bool no_new_privileges;             // PR_GET_NO_NEW_PRIVS
  MemoryPolicy memory;
};

void read_own_attributes(ThreadAttributes& attributes) noexcept;
// As far as this machine and user allow it.
void take_attributes(const ThreadAttributes& attributes) noexcept;

}  // namespace stasis::hijack
