// The point of no return, see handover.hpp. Layout of the parking place: code | header, operations, runs, data | helpers' stacks | stack.
// World: programs.
#include "restart_wrapper/handover.hpp"

#include <linux/prctl.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

extern "C" const char stasis_restorer_blob[];
extern "C" const char stasis_restorer_blob_end[];

namespace stasis::restart {
namespace {

constexpr std::uint64_t kStack = 64u << 10;

std::uint64_t page_up(std::uint64_t size) { return (size + image::kPage - 1) / image::kPage * image::kPage; }
std::uint64_t code_size() { return page_up(static_cast<std::uint64_t>(stasis_restorer_blob_end - stasis_restorer_blob)); }

// Copies `count` items to `cursor`, moves it on, keeps it aligned for structures.
template <class T>
T* lay(char*& cursor, const T* items, std::size_t count) {
  T* place = reinterpret_cast<T*>(cursor);
  if (count != 0) std::memcpy(cursor, items, count * sizeof(T));
  cursor += (count * sizeof(T) + 63) / 64 * 64;
  return place;
}

// glibc registered this thread's restartable-sequence area in memory that is about to go; the kernel would kill us for it (rseq(2)).
void unregister_rseq() {
  if (__rseq_size == 0) return;
  auto* area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  for (const unsigned size : {32u, __rseq_size}) ::syscall(SYS_rseq, area, size, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
}

}  // namespace

std::uint64_t restorer_size() { return code_size() + kMostHelpers * kHelperStack + kStack + image::kPage; }

Error hand_over(Plan& plan, const Range& parking, int status_fd, int pid, std::uint32_t helpers) {
  const std::uint64_t size = sizeof(PlanHeader) + plan.ops.size() * sizeof(Op) + plan.runs.size() * sizeof(image::PageRun) + plan.data.size() + 4 * 64;
  if (restorer_size() + page_up(size) > parking.length()) return error(ErrorCode::defect, "the parking place is too small for the plan");
  void* base = ::mmap(reinterpret_cast<void*>(parking.start), parking.length(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (base == MAP_FAILED) return system_error("map the parking place", -errno);
  auto* cursor = static_cast<char*>(base);
  std::memcpy(cursor, stasis_restorer_blob, static_cast<std::size_t>(stasis_restorer_blob_end - stasis_restorer_blob));
  if (::mprotect(base, code_size(), PROT_READ | PROT_EXEC) != 0) return system_error("make the restorer executable", -errno);
  cursor += code_size();

  PlanHeader header;
  auto* placed = lay(cursor, &header, 1);
  placed->ops = lay(cursor, plan.ops.data(), plan.ops.size());
  placed->runs = lay(cursor, plan.runs.data(), plan.runs.size());
  placed->data = lay(cursor, plan.data.data(), plan.data.size());
  placed->op_count = static_cast<std::uint32_t>(plan.ops.size());
  placed->status_fd = status_fd;
  placed->pid = pid;
  placed->helpers = std::min(helpers, kMostHelpers);
  placed->helper_stacks = parking.end - kStack - kMostHelpers * kHelperStack;
  placed->has_avx2 = __builtin_cpu_supports("avx2") ? 1 : 0;
  auto* map = reinterpret_cast<prctl_mm_map*>(placed->data + plan.memory_map_at);
  map->auxv = reinterpret_cast<__u64*>(placed->data + plan.auxiliary_at);

  unregister_rseq();
  asm volatile(
      "mov %0, %%rsp\n\t"
      "jmp *%1"
      :
      : "r"(parking.end - 64), "r"(base), "D"(placed)
      : "memory");
  __builtin_unreachable();
}

}  // namespace stasis::restart
