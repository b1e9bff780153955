// Descriptors in flight: sent through a UNIX socket (SCM_RIGHTS, unix(7)) and not received yet. Nobody need have them open any more.
//
// Looking at such a message makes descriptors of ours for them. They are there until the image is written: they are listed, compared with those of other
// processes and recorded like any other, but are none of the program's.
// World: hijack, leader, all threads parked.
#pragma once
#include <cstdint>

#include "core/base/result.hpp"
#include "core/sys/syscall.hpp"
#include "hijack/rt/arena.hpp"

#include <sys/syscall.h>

namespace stasis::hijack {

struct BorrowedFd {
  int fd = -1;
  std::uint32_t message = 0;  // of the queue, counting only messages with descriptors
};

// Closes them at the end of its scope.
class BorrowedDescriptors {
 public:
  explicit BorrowedDescriptors(Arena& arena) noexcept : all_(arena) {}
  BorrowedDescriptors(const BorrowedDescriptors&) = delete;
  ~BorrowedDescriptors() {
    for (const BorrowedFd& one : all_) sys::call(SYS_close, one.fd);
  }
  std::uint32_t size() const noexcept { return all_.size(); }
  const BorrowedFd& operator[](std::uint32_t index) const noexcept { return all_[index]; }

  // Adds those of the queue of `socket`, which may be any socket. Errors: system; unsupported when they cannot be had.
  Status borrow(int socket, Arena& arena) noexcept;
  // Takes over a descriptor of ours. False when the arena is full; it is closed then.
  bool take(int fd) noexcept {
    if (all_.add({fd, 0})) return true;
    sys::call(SYS_close, fd);
    return false;
  }

 private:
  List<BorrowedFd> all_;
};

}  // namespace stasis::hijack
