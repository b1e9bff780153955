// Memory of an io_uring at a chosen address, which the kernel refuses to whoever asks for it: the kernel chooses itself, and every place but one is taken.
//
// World: hijack, a restored process before its threads run.
#pragma once
#include <cstdint>

namespace stasis::hijack {

// mmap(2), shared, of `length` bytes at `start`, where nothing is mapped. Returns the address or a negative errno; -EADDRNOTAVAIL: the kernel chose another place.
long map_at_sole_place(std::uint64_t start, std::uint64_t length, int protection, int fd, std::uint64_t offset) noexcept;

}  // namespace stasis::hijack
