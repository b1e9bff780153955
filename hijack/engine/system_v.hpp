// System V objects of the computation: found in /proc/sysvipc, and looked at without taking anything out.
//
// The kernel does not tell who uses a semaphore set or a queue. So where any process of the computation has asked for such an object, all that the user has made since the
// computation began counts; inside the namespaces of a restart that is exactly the computation's. A segment counts as well if the process has it attached, whenever it was made.
// World: hijack, leader, all threads parked.
#pragma once
#include <cstdint>

#include "core/base/result.hpp"
#include "core/image/system_v.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

// `attached`: ids of segments that the process has mapped. Errors: system; unsupported when an object cannot be looked at.
Result<List<image::SystemVRecord>> read_system_v(Arena& arena, const List<std::int32_t>& attached) noexcept;

// Length of a segment in bytes, 0 if there is none; whether somebody has it attached.
std::uint64_t segment_size(std::int32_t id) noexcept;
bool is_attached(std::int32_t id) noexcept;

}  // namespace stasis::hijack
