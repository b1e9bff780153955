// Contexts of asynchronous I/O (io_setup(2)): which there are, that they are at rest, and how they come back.
//
// The kernel tells of a context where its ring is, and what has completed. It does not tell how many requests are under way, so submissions are counted:
// the ring's tail counts completions, and the two differ by what is under way. A context that was made neither through libaio nor through the C library is refused.
// A context's id is the address of its ring, which follows when that is moved (mremap(2)).
// World: hijack. Noting: any thread, also in signal handlers. The others: leader, all threads parked.
#pragma once
#include <atomic>
#include <cstdint>

#include "core/base/result.hpp"
#include "hijack/engine/memory_map.hpp"

namespace stasis::hijack {

// After io_setup(2) has succeeded.
void note_context(std::uint64_t id) noexcept;
// Of requests that have been submitted to it: stasis_submit (hijack/interpose/io_submit.S) adds to it.
std::atomic<std::uint64_t>& counter_of(std::uint64_t id) noexcept;
// Before io_destroy(2), which fails only if there is no such context.
void forget_context(std::uint64_t id) noexcept;
// A forked child has none.
void forget_contexts() noexcept;

// Waits until all requests that are under way have completed, which those to files do by themselves; from then on the kernel writes into no memory of the program.
// Error unsupported: they do not complete, or it cannot be told whether they have.
Status rest_contexts(const MemoryMap& map) noexcept;
// In a restored process, whose memory has copies of the rings at their places: makes contexts there that go on where those were. `sink` is a pipe's end for writing.
Status take_contexts(int sink) noexcept;

}  // namespace stasis::hijack
