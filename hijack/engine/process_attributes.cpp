// A process's settings, see process_attributes.hpp.
// World: hijack.
#include "hijack/engine/process_attributes.hpp"

#include <sys/mman.h>
#include <sys/prctl.h>

#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"

namespace stasis::hijack {
namespace {

constexpr int kSetWriteOrExecute = 65, kGetWriteOrExecute = 66;  // PR_SET_MDWE, PR_GET_MDWE, Linux 6.3
constexpr int kSetMergesMemory = 67, kGetMergesMemory = 68;      // PR_SET_MEMORY_MERGE, PR_GET_MEMORY_MERGE, Linux 6.4
constexpr const char* kDumpFilter = "/proc/self/coredump_filter";  // not below thread-self

std::int32_t ask(int option) noexcept {
  const long result = sys::call(SYS_prctl, option, 0, 0, 0, 0);
  return result < 0 ? 0 : static_cast<std::int32_t>(result);
}

}  // namespace

void read_process_attributes(ProcessAttributes& attributes) noexcept {
  attributes.thp_disabled = ask(PR_GET_THP_DISABLE);
  attributes.merges_memory = ask(kGetMergesMemory);
  attributes.write_or_execute = ask(kGetWriteOrExecute);
  attributes.future_locks = find_future_locks();
  attributes.personality = static_cast<std::uint32_t>(sys::call(SYS_personality, 0xffffffffu));
  char buffer[64];
  Text filter(read_small(kDumpFilter, buffer, sizeof buffer));
  attributes.has_dump_filter = !filter.done();
  attributes.dump_filter = filter.number(16);
}

void take_process_attributes(const ProcessAttributes& attributes) noexcept {
  // Flags of the setting are told beside it (Linux 6.18).
  if (attributes.thp_disabled != 0) sys::call(SYS_prctl, PR_SET_THP_DISABLE, 1, attributes.thp_disabled & ~1, 0, 0);
  if (attributes.future_locks != FutureLocks::none)
    sys::call(SYS_mlockall, MCL_FUTURE | (attributes.future_locks == FutureLocks::on_fault ? MCL_ONFAULT : 0));
  sys::call(SYS_personality, attributes.personality);
  if (attributes.merges_memory != 0) sys::call(SYS_prctl, kSetMergesMemory, 1, 0, 0, 0);
  if (const OwnedFd file = open_file(kDumpFilter, O_WRONLY); attributes.has_dump_filter && file.ok()) {
    const FixedString<32> filter = FixedString<32>("0x").append_number(attributes.dump_filter, 16);
    sys::call(SYS_write, file.get(), filter.c_str(), filter.size());
  }
  if (attributes.write_or_execute != 0) sys::call(SYS_prctl, kSetWriteOrExecute, attributes.write_or_execute, 0, 0, 0);
}

}  // namespace stasis::hijack
