// What is under way in a TCP connection and can be looked at nowhere: bytes that the sender has written and the receiver's buffer has no room for.
//
// They are taken out at the receiving end, and at once sent again at the other end, whoever's that is: its descriptor is lent for that (engine/lending.hpp).
// Whoever has either end stands still until that is done, so nothing comes between. A process of a moment does it, which finishes even if we are killed meanwhile.
// World: hijack, leader, all threads of all members that have either end parked.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/base/result.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

// The inode of the other end's socket if that holds bytes which have not come over, and could send them again: nobody has shut it, somebody has it open, and
// there are no urgent data in between. Else 0. Errors: system.
Result<std::uint64_t> end_to_refill_from(int fd, Arena& arena) noexcept;

// All bytes under way from `other` to `fd`, in the arena; they are under way again when this returns, also with an error. Empty if they have all come into the receiver's
// buffer, where they can be looked at. Errors: system; unsupported, when it is not certain that the buffers would hold them again (then nothing was taken) or the connection was cut.
Result<std::string_view> take_and_refill(int fd, int other, Arena& arena) noexcept;

}  // namespace stasis::hijack
