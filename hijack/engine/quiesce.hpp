// Bringing all threads of the process to a stand.
//
// World: hijack, leader.
#pragma once
#include <cstdint>

#include "core/base/result.hpp"

namespace stasis::hijack {

// Stops every thread but the caller, which has slot 0 of saved.kept already. Threads that cannot be stopped before `deadline_ns`
// (CLOCK_MONOTONIC) are named in the error with the system call that they are in. The caller releases the threads in either case.
// `side_stack_top`: see call_aside(); what is read of /proc on the way is read there.
Status quiesce(std::uint64_t deadline_ns, void* side_stack_top) noexcept;

}  // namespace stasis::hijack
