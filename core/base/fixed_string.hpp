// Text with inline capacity, for worlds that must not allocate. What does not fit is cut off, never written beyond the end.
//
// World: all.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace stasis {

template <std::size_t Capacity>
class FixedString {
 public:
  constexpr FixedString() noexcept = default;
  constexpr FixedString(std::string_view text) noexcept { append(text); }
  constexpr FixedString(const char* text) noexcept { append(std::string_view(text)); }

  constexpr FixedString& append(std::string_view text) noexcept {
    for (char c : text) {
      if (size_ == Capacity) break;
      data_[size_++] = c;
    }
    data_[size_] = '\0';
    return *this;
  }

  // Appends a number in base 10 or 16 (without a prefix).
  constexpr FixedString& append_number(std::uint64_t value, unsigned base = 10) noexcept {
    char digits[24];
    unsigned count = 0;
    do {
      digits[count++] = "0123456789abcdef"[value % base];
      value /= base;
    } while (value != 0);
    while (count != 0) append(std::string_view(&digits[--count], 1));
    return *this;
  }
  constexpr FixedString& append_signed(std::int64_t value) noexcept {
    if (value < 0) return append("-").append_number(0 - static_cast<std::uint64_t>(value));
    return append_number(static_cast<std::uint64_t>(value));
  }

  constexpr void clear() noexcept { size_ = 0, data_[0] = '\0'; }
  constexpr std::string_view view() const noexcept { return {data_, size_}; }
  constexpr operator std::string_view() const noexcept { return view(); }
  constexpr const char* c_str() const noexcept { return data_; }
  constexpr char* data() noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  static constexpr std::size_t capacity() noexcept { return Capacity; }
  // For callers that let the kernel write into data(): sets the length, at most the capacity.
  constexpr void set_size(std::size_t size) noexcept {
    size_ = size < Capacity ? size : Capacity;
    data_[size_] = '\0';
  }

 private:
  std::size_t size_ = 0;
  char data_[Capacity + 1] = {};
};

}  // namespace stasis
