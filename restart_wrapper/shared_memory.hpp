// Memory that processes share and that no file name leads to.
//
// World: programs.
#pragma once
#include "restart_wrapper/site.hpp"

namespace stasis::restart {

// Makes and fills every object but System V segments, in the first process: memory made by mmap in site.shared from `cursor` on, which the processes inherit and move;
// deleted and memory files as descriptors, those of descriptions where there is one; memory files that
// may be written to by mappings alone that they have already (F_SEAL_FUTURE_WRITE) as both, before they are sealed. Fills site.shared_memory. Errors: image_damaged, system.
Status recreate_shared_memory(Site& site, std::uint64_t cursor);

// How many bytes an object takes of the place for shared memory, site.shared: those that processes do not inherit none.
std::uint64_t place_of(const Computation& computation, const SharedMemory& memory);

constexpr std::uint64_t round_up_shared(std::uint64_t size) { return (size + (2u << 20) - 1) / (2u << 20) * (2u << 20); }

// Unmaps it in this process, which is none of the program's and has forked all that inherit it.
void release_shared_memory(const Site& site);

// Puts the content of all images into [base, base + length), where the object is mapped. Errors: image_damaged.
Status fill_mapping(const SharedMemory& memory, char* base, std::uint64_t length);

}  // namespace stasis::restart
