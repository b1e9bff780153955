// The slot in the member table, see membership.hpp.
// World: hijack.
#include "hijack/engine/membership.hpp"

#include <sys/file.h>
#include <sys/mman.h>

#include "core/environment.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/rt/file.hpp"

namespace stasis::hijack {
namespace {

constinit MemberTable table;
constinit void* mapped = nullptr;
constinit std::int32_t member_pid = 0;

std::int32_t own_pid() noexcept { return static_cast<std::int32_t>(sys::call(SYS_getpid)); }

}  // namespace

bool ids_of_members_are_virtual() noexcept { return table.ids_are_virtual(); }

ClockOffsets offsets_of_members() noexcept { return table.clock_offsets(); }

SystemVTable system_v_of_members() noexcept { return table.system_v(); }

bool map_members(void* address) noexcept {
  FixedString<320> path(settings.run_directory.view());
  path.append("/").append(run_directory::kMembers);
  const OwnedFd file = open_file(path.c_str(), O_RDWR);
  if (!file.ok()) return false;
  const int flags = MAP_SHARED | (address != nullptr ? MAP_FIXED_NOREPLACE : 0);
  const long place = sys::call(SYS_mmap, address, kMemberTableBytes, PROT_READ | PROT_WRITE, flags, file.get(), 0);
  if (sys::failed(place)) return false;
  // The mapping keeps the description and with it the lock: nobody removes the run directory while we live (coordinator/run_directory.hpp).
  sys::call(SYS_flock, file.get(), LOCK_SH | LOCK_NB);
  mapped = reinterpret_cast<void*>(place);
  table = MemberTable(mapped);
  return true;
}

void* members_address() noexcept { return mapped; }

void write_slot(MemberState state) noexcept { table.write(own_pid(), state, clock_ns(CLOCK_BOOTTIME) / 1000); }

MemberState read_slot(std::int32_t pid, std::uint64_t started_us) noexcept { return table.read(pid, started_us); }

void become_member() noexcept { member_pid = own_pid(); }

bool is_member_process() noexcept { return member_pid == own_pid(); }

}  // namespace stasis::hijack
