// What a restart must know of the process and its threads before its memory is back.
//
// World: hijack, leader, all threads parked.
#pragma once
#include <cstdint>

#include "core/base/result.hpp"
#include "core/image/records.hpp"
#include "hijack/engine/memory_map.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

// Text in the record points into the arena.
Result<image::ProcessRecord> describe_process(Arena& arena, const MemoryMap& map) noexcept;
// The main thread first, if it lives. Also completes saved.kept->threads by what can be read from outside of a thread.
Status describe_threads(Arena& arena, List<image::ThreadRecord>& threads) noexcept;
// Children that have ended and were not waited for.
Status describe_zombies(Arena& arena, List<image::ZombieRecord>& zombies) noexcept;

// When the process began, in milliseconds since boot, rounded down to a tick; 0 if there is none.
std::uint64_t started_ms(std::int32_t pid) noexcept;

// Whether the process with this id belongs to the computation and takes part in its checkpoints.
bool is_member(std::int32_t pid) noexcept;
// The same, or it is the ended child of one, which has not waited for it: so there will be such a process at a restart.
bool is_recorded(std::int32_t pid) noexcept;

// Device number of the controlling terminal, 0 if there is none.
std::uint64_t controlling_terminal() noexcept;

}  // namespace stasis::hijack
