// A thread's own settings, see thread_attributes.hpp.
// World: hijack, the thread itself.
#include "hijack/engine/thread_attributes.hpp"

#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>

#include "core/sys/syscall.hpp"

namespace stasis::hijack {
namespace {

constexpr int kOneProcess = 1;                              // IOPRIO_WHO_PROCESS, linux/ioprio.h: a thread, by its id
constexpr int kGetProcessorIdentity = 0x1011;               // ARCH_GET_CPUID, asm/prctl.h
constexpr int kSetProcessorIdentity = 0x1012;               // ARCH_SET_CPUID
constexpr std::int32_t kSpeculationSettings = PR_SPEC_DISABLE | PR_SPEC_FORCE_DISABLE | PR_SPEC_DISABLE_NOEXEC;

// Asks all places for rings what this kernel can do. Before Linux 6.3 the kernel does not know the question, and rings have descriptors; a filter may end who asks.
bool has_registered_ring() noexcept {
  constexpr std::uint32_t kProbe = 8, kUseRegistered = 1u << 31;  // IORING_REGISTER_PROBE, IORING_REGISTER_USE_REGISTERED_RING, linux/io_uring.h
  constexpr long kPlaces = 16;                                    // IO_RINGFD_REG_MAX of the kernel
  for (long place = 0; place != kPlaces; ++place) {
    std::uint64_t probe[2] = {};  // struct io_uring_probe for no operation
    const long result = sys::call(SYS_io_uring_register, place, kProbe | kUseRegistered, probe, 0);
    if (result >= 0 || result == -EACCES || result == -EEXIST) return true;  // -EACCES: IORING_REGISTER_RESTRICTIONS
    if (result != -EBADF) return false;                                      // the thread has never used one
  }
  return false;
}

std::int32_t value_of(long result) noexcept { return result < 0 ? 0 : static_cast<std::int32_t>(result); }

}  // namespace

void read_own_attributes(ThreadAttributes& attributes) noexcept {
  attributes.io_priority = value_of(sys::call(SYS_ioprio_get, kOneProcess, 0));
  attributes.machine_check = value_of(sys::call(SYS_prctl, PR_MCE_KILL_GET, 0, 0, 0, 0));
  sys::call(SYS_prctl, PR_GET_TSC, &attributes.time_stamp, 0, 0, 0);
  const long identity = sys::call(SYS_arch_prctl, kGetProcessorIdentity);
  attributes.processor_identity = identity < 0 ? 1 : static_cast<std::int32_t>(identity);
  for (int which = 0; which != 3; ++which) attributes.speculation[which] = value_of(sys::call(SYS_prctl, PR_GET_SPECULATION_CTRL, which, 0, 0, 0));
  attributes.filter = value_of(sys::call(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0));
  attributes.has_ring = attributes.filter == 0 && has_registered_ring();
  attributes.no_new_privileges = sys::call(SYS_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
  attributes.memory = {};
  sys::call(SYS_get_mempolicy, &attributes.memory.mode, attributes.memory.nodes, kPolicyNodes, nullptr, 0);
}

void take_attributes(const ThreadAttributes& attributes) noexcept {
  if (attributes.io_priority != 0) sys::call(SYS_ioprio_set, kOneProcess, 0, attributes.io_priority);
  if (attributes.machine_check != PR_MCE_KILL_DEFAULT) sys::call(SYS_prctl, PR_MCE_KILL, PR_MCE_KILL_SET, attributes.machine_check, 0, 0);
  if (attributes.time_stamp == PR_TSC_SIGSEGV) sys::call(SYS_prctl, PR_SET_TSC, PR_TSC_SIGSEGV, 0, 0, 0);
  if (attributes.processor_identity == 0) sys::call(SYS_arch_prctl, kSetProcessorIdentity, 0);
  for (int which = 0; which != 3; ++which) {
    const std::int32_t setting = attributes.speculation[which] & kSpeculationSettings;
    if (setting != 0) sys::call(SYS_prctl, PR_SET_SPECULATION_CTRL, which, setting, 0, 0);
  }
  if (attributes.no_new_privileges) sys::call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (attributes.memory.mode != 0) sys::call(SYS_set_mempolicy, attributes.memory.mode, attributes.memory.nodes, kPolicyNodes);
}

}  // namespace stasis::hijack
