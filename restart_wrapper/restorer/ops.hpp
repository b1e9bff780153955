// The plan: what stasis restart has decided and the restorer carries out.
//
// A plan is a header, an array of operations of fixed size, an array of page runs, and a data area that operations refer to by offset. All of
// it lies with the restorer's code and stack in the *parking place*, a stretch of addresses that neither the old nor the new address space
// uses. The restorer decides nothing: it goes through the operations in order and stops at the first that fails, which it reports
// through the status pipe as an image::RestoreFailure before it ends the process.
// World: restorer and programs.
#pragma once
#include <cstdint>

#include "core/image/format.hpp"

namespace stasis::restart {

enum class OpKind : std::uint32_t {
  unmap = 1,    // munmap(address, length)
  move,         // mremap(address, length) to `target`; one mapping, whole
  duplicate,    // mremap(address, 0, length) to `target`: a second view of a shared mapping (mremap(2), old_size 0)
  map,          // mmap(address, length, protection, flags, fd, offset); fails if something is there
  attach,       // shmat(fd, address, flags): a whole segment, of `length` bytes
  map_file,     // opens the path at `data` with `flags2` and maps it likewise
  read_runs,    // reads runs [first, first+count) from `fd` to their addresses and checks their digests; by several processors if the plan says so
  copy,         // copies `length` bytes from `data` to `address`
  protect,      // mprotect(address, length, protection)
  advise,       // madvise(address, length, advice in `flags`)
  lock,         // mlock2(address, length, flags)
  seal,         // mseal(address, length)
  memory_map,   // prctl(PR_SET_MM, PR_SET_MM_MAP, struct prctl_mm_map at `data`)
  control,      // prctl(flags, offset)
  limit,        // prlimit of this process: resource in `flags`, struct rlimit64 at `data`
  close,        // close(fd)
  lock_file,    // fcntl(fd, F_SETLK, struct flock at `data`)
  jump,         // FS = length, stack pointer = target, go to `address`; the last one
};

struct Op {
  OpKind kind = OpKind::unmap;
  std::uint32_t protection = 0;
  std::uint64_t address = 0;
  std::uint64_t length = 0;
  std::uint64_t target = 0;
  std::uint64_t offset = 0;
  std::uint32_t flags = 0;
  std::uint32_t flags2 = 0;
  std::int32_t fd = -1;
  std::uint32_t data = 0;   // offset in the data area
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};
static_assert(sizeof(Op) == 64);

struct PlanHeader {
  const Op* ops = nullptr;              // addresses in the parking place
  const image::PageRun* runs = nullptr;
  char* data = nullptr;
  std::uint32_t op_count = 0;
  std::int32_t status_fd = -1;
  std::int32_t pid = 0;
  std::uint32_t helpers = 0;            // processes that share this memory and help reading, at most kMostHelpers
  std::uint64_t helper_stacks = 0;      // kHelperStack bytes for each
  std::uint32_t has_avx2 = 0;
  std::uint32_t reserved = 0;
};

inline constexpr std::uint32_t kMostHelpers = 3;         // four readers use up the memory bandwidth of any machine measured
inline constexpr std::uint64_t kHelperStack = 16u << 10;
inline constexpr std::uint64_t kWorthHelping = 16u << 20;  // bytes: reading less takes less time than starting helpers

}  // namespace stasis::restart
