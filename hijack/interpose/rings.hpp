// What the two ways to an io_uring share: by number (rings.cpp) and by liburing (liburing.cpp).
//
// World: hijack, any thread.
#pragma once
#include <linux/io_uring.h>

#include <cstdint>

namespace stasis::hijack {

// The calling thread as the program knows it.
std::int32_t callers_id() noexcept;
// After io_uring_setup(2) has succeeded.
void note_made_ring(int fd, const io_uring_params& made) noexcept;

}  // namespace stasis::hijack
