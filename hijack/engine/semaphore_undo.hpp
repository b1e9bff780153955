// What the process has to undo on semaphores when it ends (SEM_UNDO). The kernel tells nobody, so it is noted when it happens.
//
// The kernel forgets it at an exec less than we do: the adjustments live on, our notes do not (docs/LIMITS.md).
// World: hijack. Noting: any thread. The others: leader, all threads parked.
#pragma once
#include <cstddef>
#include <cstdint>

#include "core/base/result.hpp"
#include "core/image/system_v.hpp"
#include "hijack/rt/arena.hpp"

struct sembuf;

namespace stasis::hijack {

// After a successful semop(2) or semtimedop(2) of the set that the program knows as `id`.
void note_undo(int id, const sembuf* operations, std::size_t count) noexcept;
// A forked child has nothing to undo.
void forget_undo() noexcept;
// Those that are not zero. Errors: system; unsupported when there were more than could be noted.
Result<List<image::SemaphoreUndoRecord>> list_undo(Arena& arena) noexcept;
// In a restored process: makes the kernel know them again. The semaphores have the values that they get by that.
void take_undo() noexcept;

}  // namespace stasis::hijack
