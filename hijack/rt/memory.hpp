// Memory of ours that the kernel neither locks nor counts as locked, whatever the program asked for its own (mlockall(2), MCL_FUTURE).
//
// World: hijack, any thread.
#pragma once
#include <cstddef>

namespace stasis::hijack {

// Private, zero, only address space until it is touched. Returns its address or a negative errno.
long map_unlocked(std::size_t size) noexcept;

// How the kernel locks what is mapped from now on.
enum class FutureLocks { none, whole, on_fault };
FutureLocks find_future_locks() noexcept;

}  // namespace stasis::hijack
