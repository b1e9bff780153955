// Memory that processes share and that no file name leads to.
//
// World: programs.
#pragma once
#include "restart_wrapper/site.hpp"

namespace stasis::restart {

// Makes and fills every object but System V segments, in the first process: memory made by mmap in site.shared from `cursor` on, which the processes inherit and move;
// deleted and memory files as descriptors, those of descriptions where there is one. Fills site.shared_memory. Errors: image_damaged, system.
Status recreate_shared_memory(Site& site, std::uint64_t cursor);

// What an object of `size` bytes takes of the place for shared memory.
constexpr std::uint64_t round_up_shared(std::uint64_t size) { return (size + (2u << 20) - 1) / (2u << 20) * (2u << 20); }

// Puts the content of all images into [base, base + length), where the object is mapped. Errors: image_damaged.
Status fill_mapping(const SharedMemory& memory, char* base, std::uint64_t length);

}  // namespace stasis::restart
