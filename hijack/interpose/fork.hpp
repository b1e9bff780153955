// The child side of fork: a new member.
//
// World: hijack.
#pragma once

namespace stasis::hijack {

// Has the C library call us in every child. At start-up, once.
void watch_forks() noexcept;

}  // namespace stasis::hijack
