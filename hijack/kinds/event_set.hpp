// What is in an epoll set (epoll(7)), as /proc tells it.
//
// World: hijack, leader, all threads parked.
#pragma once
#include "core/image/states/event_set.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

// The entries of the set behind the descriptor `set`, without the descriptions that they belong to. In memory of the arena.
Result<List<image::WatchedDescription>> read_event_set(int set, Arena& arena) noexcept;
// Whether entry `index` of `entries` belongs to the description that `fd` is a descriptor of.
bool is_entry_of(int set, const List<image::WatchedDescription>& entries, std::uint32_t index, int fd) noexcept;

}  // namespace stasis::hijack
