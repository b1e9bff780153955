// The ids that the C library keeps in the descriptors of threads: always those that the program knows.
//
// World: hijack.
#pragma once
#include <cstdint>

namespace stasis::hijack {

// Finds out where they are. At start-up, for later the loader may not be asked any more.
void learn_thread_layout() noexcept;
// The process is new, or runs a new program: the calling thread, its only one, takes the id by which the program knows it, if ids are virtual.
void take_own_id() noexcept;

// Where the calling thread's is; null if the C library does not tell.
std::int32_t* own_id_field() noexcept;

}  // namespace stasis::hijack
