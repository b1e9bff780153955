// Looking at what a pseudo-terminal holds: all is taken out and put back at once, see core/sys/terminal_content.hpp.
//
// World: hijack, leader, all threads of all members parked.
#pragma once
#include "core/image/states/pseudo_terminal.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

// Fills modes, content, keys and stop of `state`, whose packet mode is known. `master` and `slave` are of the same terminal. Nothing has changed when it
// returns; an error where that cannot be promised.
Status look_into_terminal(int master, int slave, image::PseudoTerminal& state, Arena& arena) noexcept;

}  // namespace stasis::hijack
