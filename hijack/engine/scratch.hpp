// Address space for one checkpoint: two stacks and an arena. Mapped before the first thread is stopped, gone when the program goes
// on, never part of an image.
//
// World: hijack, leader.
#pragma once
#include <cstdint>

#include "core/base/result.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

class Scratch {
 public:
  Scratch() noexcept = default;
  Scratch(const Scratch&) = delete;
  ~Scratch();
  Status map() noexcept;
  // The leader's, 512 KiB, and one of 64 KiB for what it has done aside.
  void* stack_top() const noexcept { return base_ + kStack; }
  void* side_stack_top() const noexcept { return base_ + kStack + kSideStack; }
  Arena arena() const noexcept { return Arena(base_ + kStack + kSideStack, size_ - kStack - kSideStack); }
  std::uint64_t start() const noexcept { return reinterpret_cast<std::uint64_t>(base_); }
  std::uint64_t end() const noexcept { return start() + size_; }

 private:
  static constexpr std::uint64_t kStack = 512u << 10, kSideStack = 64u << 10;
  char* base_ = nullptr;
  std::uint64_t size_ = 0;
};

}  // namespace stasis::hijack
