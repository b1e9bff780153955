// Which requests of an io_uring are under way: copies of what the kernel was given, without those of which there is a result.
//
// The kernel tells neither what is under way nor, once it has taken a request, what that was. So whoever submits requests copies them before, and drops those copies whose results
// have come since; a checkpoint does the rest. A result names its request by a number that is the program's choice: if two requests under way have the same and are not alike, it is not
// known which is left, until all are done.
// World: hijack. Following: any thread, also in signal handlers; two at once lose track. Reading: leader, all threads parked.
#pragma once
#include <linux/io_uring.h>

#include <atomic>
#include <cstdint>

#include "hijack/engine/ring_notes.hpp"

namespace stasis::hijack {

struct RingRequest {
  io_uring_sqe request;     // its first 64 bytes
  std::uint64_t thread;     // that submitted it: its thread pointer (FS)
  std::int64_t time_ns;     // a timeout's: when it is over by CLOCK_MONOTONIC, or as given (IORING_TIMEOUT_ABS)
  std::uint64_t inode, device;  // of what it is about, where a program may wait for long
  std::uint32_t number;     // which of the ring's requests
  std::uint32_t next;       // in the table: index + 1
};

// In memory of its own, which goes into the image.
struct RingRequests {
  std::atomic<std::uint64_t> busy;  // the thread pointer (FS) of who follows, 0: nobody
  std::atomic<bool> is_lost;   // not known what is under way
  std::uint32_t taken, told;   // up to where requests are in the table, and results have been looked at
  std::uint32_t count, free;   // of the table
  std::uint32_t capacity, buckets;
  RingRequest* pending;        // by number modulo the ring's size: given, not taken yet
  RingRequest* table;
  std::uint32_t* heads;

  // Of a ring of that shape; null if there is no memory.
  static RingRequests* make(const RingShape& shape) noexcept;
  static void drop(RingRequests* requests) noexcept;

  // visit(RingRequest&) for each in the table.
  template <class Visit>
  void for_each(Visit&& visit) noexcept {
    for (std::uint32_t i = 0; i != buckets; ++i)
      for (std::uint32_t at = heads[i]; at != 0; at = table[at - 1].next) visit(table[at - 1]);
  }
};

// Of a ring, by one at a time; another one loses track and does nothing.
class Following {
 public:
  explicit Following(RingNote& note) noexcept;
  Following(const Following&) = delete;
  ~Following();
  // The kernel has taken requests up to `first`, and `given` results have come. `is_quiet`: nobody else is just submitting.
  void catch_up(std::uint32_t first, std::uint32_t given, bool is_quiet) noexcept;
  // Before the kernel may take it.
  void copy(std::uint32_t number, const io_uring_sqe& request) noexcept;
  void lose() noexcept {
    if (own_ != nullptr) own_->is_lost = true;
  }
  // Whether it is known what is under way.
  bool knows() const noexcept { return own_ != nullptr && !own_->is_lost.load(std::memory_order_relaxed); }

 private:
  void take(const RingRequest& request) noexcept;
  void finish(std::uint64_t name) noexcept;
  void forget_all(std::uint32_t first, std::uint32_t given) noexcept;

  RingNote& note_;
  RingRequests* own_ = nullptr;
};

}  // namespace stasis::hijack
