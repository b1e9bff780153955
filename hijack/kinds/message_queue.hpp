// The messages of a POSIX message queue, which can only be received: all are taken out and sent again at once.
//
// World: hijack, leader, all threads of all members that have the queue parked (engine/lending.hpp).
#pragma once
#include "hijack/kinds/kind.hpp"

namespace stasis::hijack {

// Records attributes and messages in the description's state. The queue holds them again when this returns, in their order, also with an error; somebody who is to be notified of
// the next message (mq_notify(3)) still is. Errors: system, unsupported.
Status record_messages(Description& description, Arena& arena) noexcept;

}  // namespace stasis::hijack
