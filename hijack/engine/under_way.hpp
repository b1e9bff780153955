// What a TCP connection holds on its way to another node: nobody sees it but the sender, as bytes that were not acknowledged.
//
// World: hijack, leader, all threads parked.
#pragma once
#include "core/base/result.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

// Waits until everything that this process has written into connections to other nodes is in the queues of their other ends, which are read when all nodes stand still. Those that
// are full on this side are made wider before, so that the other sides' bytes come in. Only in batch jobs, which may have parts on other nodes.
// Errors: unsupported if another side does not take it; system.
Status let_bytes_arrive(Arena& arena) noexcept;

}  // namespace stasis::hijack
