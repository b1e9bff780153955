// io_urings (io_uring_setup(2)): that they are at rest, what there is to keep, and how they come back.
//
// A ring comes back only in the process that has it, since the kernel takes its memory and its files there. A restart puts something else under its descriptors' numbers first; the
// library makes a ring of the same shape, maps it where it was, brings the kernel's counters to where they were by requests that do nothing, and writes back what was in its memory: results
// that nobody has read, and requests that nobody has submitted.
//
// Requests that wait for something (poll, a timeout, a read of an empty pipe) stay under way while a checkpoint runs, and nobody touches them. Which they are is known (ring_requests.hpp), and each thread
// gives those that were its own again after a restart: the kernel ends a thread's requests with it.
// World: hijack. Recording: leader, all threads parked. The others: a restored process, before the program runs.
#pragma once
#include <cstdint>

#include "core/base/result.hpp"
#include "hijack/engine/descriptors.hpp"
#include "hijack/engine/memory_map.hpp"

namespace stasis::hijack {

// Waits until the requests of all rings have completed but those that can be given again, two seconds at most, and keeps what is needed to make them again.
// Error unsupported: they do not complete, it cannot be told whether they have, or something about a ring cannot be brought back.
Status rest_rings(const MemoryMap& map, const Descriptors& all, Arena& arena) noexcept;

// When memory has been recorded, and threads: whether what was under way still is.
Status check_rings() noexcept;

// Makes all rings anew and puts them in their places. Before threads are made.
Status make_rings() noexcept;
// Brings those to where they were that only the thread `id`, the caller, may use (IORING_SETUP_SINGLE_ISSUER); 0: those that any may use.
Status fill_rings(std::int32_t id) noexcept;
// Gives the requests again that the calling thread had given, which the program knows by the thread pointer `thread`, and which were under way. When all rings that it may use are where they were.
Status give_requests(std::uint64_t thread) noexcept;

}  // namespace stasis::hijack
