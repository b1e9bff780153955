// Scratch memory, see scratch.hpp.
// World: hijack, leader.
#include "hijack/engine/scratch.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "core/sys/syscall.hpp"
#include "hijack/rt/memory.hpp"

namespace stasis::hijack {

Scratch::~Scratch() {
  if (base_ != nullptr) sys::call(SYS_munmap, base_, size_);
}

Status Scratch::map() noexcept {
  // Only address space, but some sites limit that too (RLIMIT_AS, vm.overcommit_memory=2): then less must do.
  for (size_ = std::uint64_t{2} << 30; size_ >= std::uint64_t{16} << 20; size_ /= 2) {
    const long place = map_unlocked(size_);
    if (sys::failed(place)) continue;
    base_ = reinterpret_cast<char*>(place);
    sys::call(SYS_madvise, base_, size_, MADV_DONTFORK);  // its VmFlags keep the kernel from joining it with the program's own memory
    return {};
  }
  return out_of_arena();
}

}  // namespace stasis::hijack
