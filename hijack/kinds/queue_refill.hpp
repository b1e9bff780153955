// What is under way in a TCP connection and can be looked at nowhere: bytes that the sender has written and the receiver's buffer has no room for.
//
// They are taken out at the receiving end, and at once sent again at the other end, whoever's that is: its descriptor is lent for that (engine/lending.hpp).
// Both ends stand still, so nothing comes between; the buffers held it all before, so they do again.
// World: hijack, leader, all threads of both ends parked.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/base/result.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

// The inode of the other end's socket if that holds bytes which have not come over, and could send them again: nobody has shut it, somebody has it open, and
// there are no urgent data in between. Else 0. Errors: system.
Result<std::uint64_t> end_to_refill_from(int fd, Arena& arena) noexcept;

// All bytes under way from `other` to `fd`, in the arena; they are under way again when this returns, also with an error. `size` is how many there are.
// Errors: system, when there is no memory for them (then nothing was taken); unsupported, when they did not come.
Result<std::string_view> take_and_refill(int fd, int other, std::uint64_t size, Arena& arena) noexcept;

}  // namespace stasis::hijack
