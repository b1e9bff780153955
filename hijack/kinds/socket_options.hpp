// The options of a socket that an ordinary user can read and set again.
//
// World: hijack, leader, all threads parked.
#pragma once
#include "core/image/states/socket.hpp"
#include "core/base/result.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

// All that the socket has, in the order in which they can be set. Errors: system when the arena is full.
Status read_options(int fd, const image::SocketState& socket, List<image::SocketOption>& options, Arena& arena) noexcept;

}  // namespace stasis::hijack
