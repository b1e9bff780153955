// System V objects of the computation: those of the user's own that any of its processes has asked for (core/registry/system_v_table.hpp), and segments that it has attached, whosever they are; looked at
// without taking anything out.
//
// World: hijack, leader, all threads parked.
#pragma once
#include <cstdint>

#include "core/base/result.hpp"
#include "core/image/system_v.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

// All by the numbers that the program knows. `attached`: segments that the process has mapped. Errors: system; unsupported when an object cannot be looked at.
Result<List<image::SystemVRecord>> read_system_v(Arena& arena, const List<std::int32_t>& attached) noexcept;

// Length of a segment in bytes, 0 if there is none; whether somebody has it attached. By the kernel's number.
std::uint64_t segment_size(std::int32_t id) noexcept;
bool is_attached(std::int32_t id) noexcept;

}  // namespace stasis::hijack
