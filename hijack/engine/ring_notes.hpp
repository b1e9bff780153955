// What the kernel does not tell of an io_uring (io_uring_setup(2)), noted by those who make, feed and furnish one (hijack/interpose/rings.cpp, hijack/interpose/liburing.cpp).
//
// The kernel counts the requests that it has taken and the results that it has given. The two agree when nothing is under way, if each request gives one result: so every request
// is looked at before the kernel takes it. One that the kernel has taken and nobody has looked at leaves a reason why the ring cannot be checkpointed.
// World: hijack. Noting: any thread, also in signal handlers, no locks. Reading: leader, all threads parked.
#pragma once
#include <linux/io_uring.h>

#include <atomic>
#include <cstdint>

namespace stasis::hijack {

constexpr std::uint32_t kMostRings = 64;

// IORING_SETUP_* of Linux 6.1 and later, which older headers do not have.
constexpr std::uint32_t kSetupNoMmap = 1u << 14, kSetupRegisteredOnly = 1u << 15, kSetupNoArray = 1u << 16;

// How a ring was made, and where things are in its memory.
struct RingShape {
  std::uint32_t flags;  // IORING_SETUP_*
  std::uint32_t requests, results;  // how many there is room for
  std::uint32_t head, tail, state, dropped, array;         // of requests; offsets in bytes
  std::uint32_t result_head, result_tail, lost, events;  // of results
};

// Why a ring cannot be checkpointed.
enum RingReason : std::uint32_t {
  kUnseen = 1,           // requests that were submitted past the library
  kUncounted = 2,        // one that gives another number of results than one
  kProvidedBuffers = 4,  // buffers for the kernel to choose from
  kSlotsByRequest = 8,   // a request has changed a registered file
  kTags = 16,            // what is registered has tags
  kOther = 32,           // something else was registered: `other`
};

// A registered file (descriptor, inode, device) or buffer (address, length).
struct RingSlot {
  std::int64_t what;  // -1: none
  std::uint64_t size_or_inode, device;
};
struct RingSlots {
  RingSlot* slots;  // in memory of its own
  std::uint32_t count;
};

struct RingRequests;  // ring_requests.hpp

struct RingNote {
  std::atomic<std::uint32_t> number;  // descriptor + 1, 0: free
  std::uint64_t inode;
  RingShape shape;
  std::atomic<const char*> requests, results, entries;  // where the program has mapped it, null: not yet
  std::atomic<std::uint32_t> seen;                      // up to which requests have been looked at
  std::atomic<std::uint32_t> reasons;
  std::uint32_t other;       // IORING_REGISTER_*
  std::int32_t owner;        // the thread that made or enabled it
  bool is_disabled;          // IORING_SETUP_R_DISABLED, and not enabled yet
  bool event_async;          // IORING_REGISTER_EVENTFD_ASYNC
  std::int32_t event;        // a registered eventfd, -1: none
  RingSlots files, buffers;
  RingRequests* under_way;   // null: there is no memory for it
};

// After io_uring_setup(2) has succeeded. `thread`: the caller's id as the program knows it.
void note_ring(int fd, const RingShape& shape, std::int32_t thread) noexcept;
// After mmap(2) of that descriptor from IORING_OFF_* `offset`.
void note_ring_memory(int fd, std::uint64_t offset, const void* place) noexcept;
// Before munmap(2).
void note_unmapping(const void* place, std::uint64_t length) noexcept;
// Before io_uring_enter(2). `tail`: of the requests, if the program has not told the kernel yet; null: as it has.
void look_at_requests(int fd, const std::uint32_t* tail) noexcept;
// After io_uring_register(2) has succeeded; `done` is what it returned.
void note_ring_registration(int fd, std::uint32_t what, const void* argument, std::uint32_t count, long done, std::int32_t thread) noexcept;
// Something was done to a ring, or to one that is not known, which cannot be told.
void doubt_rings(RingReason reason) noexcept;
void forget_ring(int fd) noexcept;
// A forked child knows none of those that it has from its parent.
void forget_rings() noexcept;
// Whether there is any: the cheap question of those who are called for other things, too.
bool has_rings() noexcept;

// Whether the calling thread, stopped at `instruction`, is just looking at requests: for nanoseconds, in which nobody can tell what is under way.
bool is_looking_at_requests(std::uint64_t instruction) noexcept;

// By inode of the descriptor; null if there is none.
RingNote* find_ring(std::uint64_t inode) noexcept;

}  // namespace stasis::hijack
