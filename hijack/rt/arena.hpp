// Memory for the length of one checkpoint: a stretch of reserved address space from which pieces are cut off, freed as a whole.
//
// The program's allocator must not be touched while its threads stand still (one of them may hold its lock). An arena takes its
// address space before the first thread is stopped and never moves; only what is used becomes memory.
// World: hijack, leader thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/base/result.hpp"

namespace stasis::hijack {

class Arena {
 public:
  constexpr Arena() noexcept = default;
  // Takes over [base, base + capacity), which the caller mapped and unmaps.
  constexpr Arena(char* base, std::size_t capacity) noexcept : base_(base), capacity_(capacity) {}

  // Zeroed if the memory was never used before; null when the arena is full. Aligned to 16 bytes.
  void* take(std::size_t size) noexcept {
    const std::size_t start = (used_ + 15) & ~std::size_t{15};
    if (size > capacity_ || start > capacity_ - size) return nullptr;
    used_ = start + size;
    return base_ + start;
  }
  // Everything that is left, for a caller that does not know how much it needs; keep() then says how much it was.
  char* rest() noexcept { return base_ + used_; }
  std::size_t rest_size() const noexcept { return capacity_ - used_; }
  void keep(std::size_t size) noexcept { used_ += size; }

  // A copy of `text` that lives as long as the arena; empty when the arena is full.
  std::string_view copy(std::string_view text) noexcept {
    char* place = static_cast<char*>(take(text.size() + 1));
    if (place == nullptr) return {};
    if (!text.empty()) std::memcpy(place, text.data(), text.size());
    place[text.size()] = '\0';
    return {place, text.size()};
  }

 private:
  char* base_ = nullptr;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
};

// A list that grows at its end. Its items may move when it grows, so keep indices, not pointers, while adding.
template <class T>
class List {
 public:
  constexpr List() noexcept = default;
  explicit constexpr List(Arena& arena) noexcept : arena_(&arena) {}
  // False when the arena is full.
  bool add(const T& item) noexcept {
    if (size_ == capacity_) {
      const std::uint32_t wider = capacity_ == 0 ? 64 : capacity_ * 2;
      T* place = static_cast<T*>(arena_->take(sizeof(T) * wider));
      if (place == nullptr) return false;
      for (std::uint32_t i = 0; i != size_; ++i) place[i] = items_[i];
      items_ = place, capacity_ = wider;
    }
    items_[size_++] = item;
    return true;
  }
  T& operator[](std::uint32_t index) noexcept { return items_[index]; }
  const T& operator[](std::uint32_t index) const noexcept { return items_[index]; }
  std::uint32_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  T* begin() noexcept { return items_; }
  T* end() noexcept { return items_ + size_; }
  const T* begin() const noexcept { return items_; }
  const T* end() const noexcept { return items_ + size_; }
  T& back() noexcept { return items_[size_ - 1]; }
  void clear() noexcept { size_ = 0; }

 private:
  Arena* arena_ = nullptr;
  T* items_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
};

inline Error out_of_arena() noexcept { return error(ErrorCode::system, "the checkpoint needs more address space than it could reserve"); }

}  // namespace stasis::hijack
