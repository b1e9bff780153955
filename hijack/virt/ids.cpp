// The id table as a process uses it, see ids.hpp.
// World: hijack.
#include "hijack/virt/ids.hpp"

#include <signal.h>
#include <sys/mman.h>

#include "core/environment.hpp"
#include "core/registry/id_table.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/virt/machine_clocks.hpp"

namespace stasis::hijack {
namespace {

constinit IdTable table;
constinit void* mapped = nullptr;
constinit std::uint64_t restarts = 0;  // of this process

constexpr int kTimeBits = 48;

std::uint64_t now_ms() noexcept { return clock_ns(CLOCK_BOOTTIME) / 1'000'000; }

// Gives the kernel's `id` a name that neither the program nor the kernel uses: such are most likely among the highest ids, which are given last.
std::int32_t name(std::int32_t id) noexcept {
  for (std::int32_t candidate = kOutside - 1; candidate > 1; --candidate) {
    if (!table.is_free(candidate) || sys::call(SYS_kill, candidate, 0) != -ESRCH) continue;
    if (table.enter(candidate, id, now_ms())) return candidate;
    if (const std::int32_t others = table.programs(id); others != 0) return others;  // another thread was faster
  }
  return id;
}

}  // namespace

bool map_ids() noexcept {
  FixedString<320> path(settings.run_directory.view());
  path.append("/").append(run_directory::kIds);
  const OwnedFd file = open_file(path.c_str(), O_RDWR);
  if (!file.ok()) return false;
  const long place = sys::call(SYS_mmap, nullptr, kIdTableBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (sys::failed(place)) return false;
  mapped = reinterpret_cast<void*>(place);
  table = IdTable(mapped);
  stasis_calls_are_translated = true;
  return true;
}

void forget_ids() noexcept {
  mapped = nullptr;
  table = IdTable();
  ++restarts;
}

void* ids_address() noexcept { return mapped; }

bool ids_are_virtual() noexcept { return table.is_mapped(); }

std::uint64_t restart_count() noexcept { return restarts; }

std::int32_t kernels_id(std::int32_t id) noexcept {
  if (!table.is_mapped() || id == 0 || id == -1) return id;
  return id > 0 ? table.kernels(id) : -table.kernels(-id);
}

std::int32_t programs_id(std::int32_t id) noexcept {
  if (!table.is_mapped() || id <= 0) return id;
  const std::int32_t known = table.programs(id);
  if (known == kOutside) return 0;
  return known != 0 ? known : name(id);
}

std::uint64_t birth_time() noexcept { return restarts << kTimeBits | (table.is_mapped() ? now_ms() : 0); }

bool has_entry(std::int32_t kernels) noexcept { return table.made_ms(kernels) != 0; }

std::int32_t born_id(std::int32_t kernels, std::uint64_t born_ms) noexcept {
  if (table.made_ms(kernels) < born_ms) table.drop(kernels);
  return programs_id(kernels);
}

std::int32_t newborn_id(std::int32_t kernels, std::uint64_t since) noexcept {
  if (!table.is_mapped() || kernels <= 0) return kernels;
  // Over a restart it is a child that was brought back, whose entry is its own. Either the call had just returned, and its result has been exchanged (restart_call.hpp, give_id), or the id was
  // noted somewhere already, as posix_spawn(3) does before it lets signals in: it is as the program knows the child then.
  if (since >> kTimeBits != restarts) {
    const std::int32_t known = table.programs(kernels);
    return known != 0 ? known : kernels;
  }
  return born_id(kernels, since & ((std::uint64_t{1} << kTimeBits) - 1));
}

void forget_id(std::int32_t kernels) noexcept {
  if (!table.is_mapped() || kernels <= 0 || table.made_ms(kernels) == 0) return;
  if (sys::call(SYS_kill, -kernels, 0) != -ESRCH) return;  // a group is still called by it
  table.drop(kernels);
}

void enter_id(std::int32_t programs, std::int32_t kernels) noexcept { table.enter(programs, kernels, now_ms()); }

}  // namespace stasis::hijack
