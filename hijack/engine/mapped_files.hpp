// Files that the program can change by a shared mapping alone: it has closed the descriptor by which it mapped them.
//
// They are files that are open for writing as far as a restart is concerned: their content at the checkpoint must come back. So each becomes a description of which
// nobody has a descriptor, and is recorded and made again as such (kinds/regular_file.cpp). Files below /dev/shm are memory instead (memory_map.cpp).
// World: hijack, leader, all threads parked.
#pragma once
#include "hijack/engine/descriptors.hpp"
#include "hijack/engine/memory_map.hpp"

namespace stasis::hijack {

// Adds them to `all`, by descriptors of ours that go to `borrowed` where the process has none that can be read. Left out is what it could not open any more. Errors: system when the arena is full.
Status add_mapped_files(const MemoryMap& map, Descriptors& all, BorrowedDescriptors& borrowed, Arena& arena) noexcept;

}  // namespace stasis::hijack
