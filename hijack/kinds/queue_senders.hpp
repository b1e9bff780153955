// Who waits for room in a full POSIX message queue: the kernel lets its message in as soon as one is taken out, and then there is no room for that one any more.
//
// World: hijack, leader, all threads of all members parked: none of those is found.
#pragma once
#include <cstdint>

#include "core/base/result.hpp"

namespace stasis::hijack {

// A process of this user that is sending to the queue, 0 if there is none. Errors: system.
Result<std::int32_t> find_waiting_sender(int queue) noexcept;

}  // namespace stasis::hijack
