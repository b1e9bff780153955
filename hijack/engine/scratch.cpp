// Scratch memory, see scratch.hpp.
// World: hijack, leader.
#include "hijack/engine/scratch.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "core/sys/syscall.hpp"

namespace stasis::hijack {

Scratch::~Scratch() {
  if (base_ != nullptr) sys::call(SYS_munmap, base_, size_);
}

Status Scratch::map() noexcept {
  // Only address space, but some sites limit that too (RLIMIT_AS, vm.overcommit_memory=2): then less must do.
  for (size_ = std::uint64_t{2} << 30; size_ >= std::uint64_t{16} << 20; size_ /= 2) {
    const long place = sys::call(SYS_mmap, nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (sys::failed(place)) continue;
    base_ = reinterpret_cast<char*>(place);
    sys::call(SYS_madvise, base_, size_, MADV_DONTFORK);  // its VmFlags keep the kernel from joining it with the program's own memory
    return {};
  }
  return out_of_arena();
}

}  // namespace stasis::hijack
