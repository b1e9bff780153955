// See ring_requests.hpp. A table by the numbers that the program gives, chained.
// World: hijack.
#include "hijack/engine/ring_requests.hpp"

#include <linux/time_types.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include <cstring>

#include "hijack/rt/file.hpp"
#include "hijack/rt/memory.hpp"

namespace stasis::hijack {
namespace {

constexpr std::uint32_t kMostRequests = 16384;

std::uint32_t load(const char* place) noexcept { return __atomic_load_n(reinterpret_cast<const std::uint32_t*>(place), __ATOMIC_ACQUIRE); }

std::uint32_t bucket_of(const RingRequests& all, std::uint64_t name) noexcept {
  return static_cast<std::uint32_t>((name * 0x9e3779b97f4a7c15u) >> 32) & (all.buckets - 1);
}

// Where there is none the kernel says so.
bool read_time(std::uint64_t address, __kernel_timespec& time) noexcept {
  const iovec here{&time, sizeof time}, there{reinterpret_cast<void*>(address), sizeof time};
  const long result = sys::call(SYS_process_vm_readv, sys::call(SYS_getpid), &here, 1, &there, 1, 0);
  if (result == -EFAULT) return false;
  if (result < 0) std::memcpy(&time, there.iov_base, sizeof time);  // a container's filter of system calls
  return true;
}

std::int64_t time_of(const io_uring_sqe& request) noexcept {
  __kernel_timespec given{};
  if (!read_time(request.addr, given)) return 0;
  const std::int64_t time = given.tv_sec * 1'000'000'000 + given.tv_nsec;
  return (request.timeout_flags & IORING_TIMEOUT_ABS) != 0 ? time : time + static_cast<std::int64_t>(clock_ns(CLOCK_MONOTONIC));
}

// Reads of files are many, and soon done: what they are about is not asked for.
bool may_wait_for_long(std::uint8_t operation) noexcept { return operation == IORING_OP_POLL_ADD || operation == IORING_OP_ACCEPT || operation == IORING_OP_RECV; }

std::uint64_t size_of(const RingShape& shape, std::uint32_t capacity) noexcept {
  return sizeof(RingRequests) + sizeof(RingRequest) * (shape.requests + capacity) + sizeof(std::uint32_t) * capacity;
}

std::uint32_t capacity_of(const RingShape& shape) noexcept {
  std::uint32_t capacity = 64;
  while (capacity < kMostRequests && capacity < 4 * shape.results) capacity *= 2;
  return capacity;
}

}  // namespace

RingRequests* RingRequests::make(const RingShape& shape) noexcept {
  const std::uint32_t capacity = capacity_of(shape);
  const long place = map_unlocked(size_of(shape, capacity));
  if (sys::failed(place)) return nullptr;
  auto* all = reinterpret_cast<RingRequests*>(place);
  all->capacity = all->buckets = capacity;
  all->pending = reinterpret_cast<RingRequest*>(all + 1);
  all->table = all->pending + shape.requests;
  all->heads = reinterpret_cast<std::uint32_t*>(all->table + capacity);
  return all;
}

void RingRequests::drop(RingRequests* requests) noexcept {
  if (requests == nullptr) return;
  const auto size = static_cast<std::uint64_t>(reinterpret_cast<const char*>(requests->heads + requests->buckets) - reinterpret_cast<const char*>(requests));
  sys::call(SYS_munmap, requests, size);
}

Following::Following(RingNote& note) noexcept : note_(note) {
  RingRequests* const all = note.under_way;
  if (all == nullptr) return;
  std::uint64_t nobody = 0;
  if (all->busy.compare_exchange_strong(nobody, reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer()), std::memory_order_acquire)) own_ = all;
  else all->is_lost = true;
}

Following::~Following() {
  if (own_ != nullptr) own_->busy.store(0, std::memory_order_release);
}

void Following::forget_all(std::uint32_t first, std::uint32_t given) noexcept {
  if (own_->count != 0) std::memset(own_->heads, 0, own_->buckets * sizeof(std::uint32_t));
  own_->count = own_->free = 0;
  own_->taken = first, own_->told = given;
  own_->is_lost = false;
}

void Following::catch_up(std::uint32_t first, std::uint32_t given, bool is_quiet) noexcept {
  if (own_ == nullptr) return;
  const RingShape& shape = note_.shape;
  const char* const results = note_.results.load(std::memory_order_relaxed);
  if (results == nullptr || first - own_->taken > shape.requests || given - own_->told > shape.results) own_->is_lost = true;
  if (own_->is_lost) {
    if (first == given && is_quiet) forget_all(first, given);
    return;
  }
  for (; own_->taken != first; ++own_->taken) take(own_->pending[own_->taken & (shape.requests - 1)]);
  const std::uint32_t shift = (shape.flags & IORING_SETUP_CQE32) != 0 ? 5 : 4;
  for (; own_->told != given; ++own_->told) {
    std::uint64_t name;
    std::memcpy(&name, results + shape.events + (static_cast<std::uint64_t>(own_->told & (shape.results - 1)) << shift), sizeof name);
    finish(name);
  }
  // What was read may have been written over meanwhile.
  if (load(results + shape.result_tail) - given > shape.results) own_->is_lost = true;
}

void Following::copy(std::uint32_t number, const io_uring_sqe& request) noexcept {
  if (own_ == nullptr) return;
  RingRequest& copy = own_->pending[number & (note_.shape.requests - 1)];
  std::memcpy(&copy.request, &request, sizeof copy.request);
  copy.number = number, copy.inode = copy.device = 0;
  copy.thread = reinterpret_cast<std::uintptr_t>(__builtin_thread_pointer());
  if (request.opcode == IORING_OP_TIMEOUT || request.opcode == IORING_OP_LINK_TIMEOUT) copy.time_ns = time_of(request);
  if (!may_wait_for_long(request.opcode) || (request.flags & IOSQE_FIXED_FILE) != 0) return;
  struct stat status{};
  if (sys::call(SYS_fstat, request.fd, &status) == 0) copy.inode = status.st_ino, copy.device = status.st_dev;
}

void Following::take(const RingRequest& request) noexcept {
  if (own_->count == own_->capacity) {
    own_->is_lost = true;
    return;
  }
  std::uint32_t index = own_->free;  // index + 1 of one that was used before
  if (index != 0) own_->free = own_->table[index - 1].next;
  else index = own_->count + 1;
  ++own_->count;
  RingRequest& entry = own_->table[index - 1];
  std::memcpy(&entry, &request, sizeof entry);
  std::uint32_t& head = own_->heads[bucket_of(*own_, request.request.user_data)];
  entry.next = head, head = index;
}

void Following::finish(std::uint64_t name) noexcept {
  std::uint32_t* found = nullptr;
  for (std::uint32_t* at = &own_->heads[bucket_of(*own_, name)]; *at != 0; at = &own_->table[*at - 1].next) {
    const RingRequest& entry = own_->table[*at - 1];
    if (entry.request.user_data != name) continue;
    if (found != nullptr && std::memcmp(&own_->table[*found - 1].request, &entry.request, sizeof entry.request) != 0) own_->is_lost = true;
    found = at;  // the last one is the oldest
  }
  if (found == nullptr) {
    own_->is_lost = true;
    return;
  }
  const std::uint32_t index = *found;
  *found = own_->table[index - 1].next;
  own_->table[index - 1].next = own_->free, own_->free = index;
  --own_->count;
}

}  // namespace stasis::hijack
