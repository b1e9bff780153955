// One description per record: a plain struct with one list of its fields drives encoding, decoding, size and dump.
//
//   struct Quiesced {
//     std::uint32_t threads = 0;
//     template <class Self, class Archive> static void fields(Self& self, Archive& archive) { archive("threads", self.threads); }
//   };
//
// Format: little endian, fields in order without padding; text and sequences carry a u32 length or count; a nested record is
// its fields. Compatibility: fields are only ever appended; a reader that reaches the end of the payload leaves the remaining
// fields at their defaults; a changed meaning takes a new message or section id.
// Ownership: a Writer writes into the caller's buffer; what a Reader yields (text, sequences) points into the caller's buffer.
// World: all. No allocation.
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "core/base/fixed_string.hpp"

namespace stasis {

static_assert(std::endian::native == std::endian::little);

class Reader;

// A list inside a record. To write: points at the caller's items. To read: keeps the encoded bytes and decodes on demand.
template <class T>
class Sequence {
 public:
  Sequence() noexcept = default;
  Sequence(const T* items, std::uint32_t count) noexcept : items_(items), count_(count) {}
  std::uint32_t size() const noexcept { return count_; }
  // Calls `visit(const T&)` for each item in order.
  template <class Visit>
  void for_each(Visit&& visit) const;

 private:
  friend class Writer;
  friend class Reader;
  const T* items_ = nullptr;
  std::uint32_t count_ = 0;
  std::string_view encoded_;
};

template <class T>
inline constexpr bool is_sequence = false;
template <class T>
inline constexpr bool is_sequence<Sequence<T>> = true;
template <class T>
inline constexpr bool is_fixed_string = false;
template <std::size_t N>
inline constexpr bool is_fixed_string<FixedString<N>> = true;

// Encodes into a buffer. When the buffer is too small nothing more is written and `ok()` is false; `size()` goes on counting,
// so a Writer over an empty buffer measures.
class Writer {
 public:
  Writer(char* buffer, std::size_t capacity) noexcept : buffer_(buffer), capacity_(capacity) {}

  template <class T>
  void operator()(const char*, const T& value) noexcept {
    if constexpr (std::is_enum_v<T>) {
      put_raw(static_cast<std::underlying_type_t<T>>(value));
    } else if constexpr (std::is_arithmetic_v<T>) {
      put_raw(value);
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      put_text(value);
    } else if constexpr (is_fixed_string<T>) {
      put_text(value.view());
    } else if constexpr (is_sequence<T>) {
      put_raw(value.count_);
      if (value.items_ != nullptr) {
        for (std::uint32_t i = 0; i != value.count_; ++i) record(value.items_[i]);
      } else {
        put_bytes(value.encoded_.data(), value.encoded_.size());
      }
    } else {
      record(value);
    }
  }
  template <class T>
  void record(const T& value) noexcept {
    T::fields(value, *this);
  }
  bool ok() const noexcept { return size_ <= capacity_; }
  std::size_t size() const noexcept { return size_; }

 private:
  template <class T>
  void put_raw(T value) noexcept {
    put_bytes(&value, sizeof value);
  }
  void put_text(std::string_view text) noexcept {
    put_raw(static_cast<std::uint32_t>(text.size()));
    put_bytes(text.data(), text.size());
  }
  void put_bytes(const void* bytes, std::size_t count) noexcept {
    if (count != 0 && count <= capacity_ && size_ <= capacity_ - count) std::memcpy(buffer_ + size_, bytes, count);
    size_ += count;
  }
  char* buffer_;
  std::size_t capacity_;
  std::size_t size_ = 0;
};

// Decodes from a buffer. Malformed input (a length beyond the end) sets `ok()` to false and leaves the rest at its defaults;
// a payload that ends between two fields is an older writer's and is fine.
class Reader {
 public:
  explicit Reader(std::string_view bytes) noexcept : rest_(bytes) {}

  template <class T>
  void operator()(const char*, T& value) noexcept {
    if (rest_.empty()) return;
    if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> number{};
      if (take(&number, sizeof number)) value = static_cast<T>(number);
    } else if constexpr (std::is_same_v<T, bool>) {
      std::uint8_t number = 0;
      if (take(&number, 1)) value = number != 0;
    } else if constexpr (std::is_arithmetic_v<T>) {
      T number{};
      if (take(&number, sizeof number)) value = number;
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      value = text();
    } else if constexpr (is_fixed_string<T>) {
      value = T(text());
    } else if constexpr (is_sequence<T>) {
      sequence(value);
    } else {
      record(value);
    }
  }
  template <class T>
  void record(T& value) noexcept {
    T::fields(value, *this);
  }
  bool ok() const noexcept { return ok_; }
  std::string_view rest() const noexcept { return rest_; }

 private:
  bool take(void* target, std::size_t count) noexcept {
    if (rest_.size() < count) {
      ok_ = false;
      rest_ = {};
      return false;
    }
    std::memcpy(target, rest_.data(), count);
    rest_.remove_prefix(count);
    return true;
  }
  std::string_view text() noexcept {
    std::uint32_t length = 0;
    if (!take(&length, sizeof length)) return {};
    if (rest_.size() < length) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    std::string_view text = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return text;
  }
  template <class T>
  void sequence(Sequence<T>& list) noexcept {
    std::uint32_t count = 0;
    if (!take(&count, sizeof count)) return;
    const std::string_view start = rest_;
    for (std::uint32_t i = 0; i != count && ok_; ++i) {
      if (rest_.empty()) ok_ = false;
      T item{};
      record(item);
    }
    if (!ok_) return;
    list.items_ = nullptr;
    list.count_ = count;
    list.encoded_ = start.substr(0, start.size() - rest_.size());
  }
  std::string_view rest_;
  bool ok_ = true;
};

template <class T>
template <class Visit>
void Sequence<T>::for_each(Visit&& visit) const {
  if (items_ != nullptr) {
    for (std::uint32_t i = 0; i != count_; ++i) visit(items_[i]);
    return;
  }
  Reader reader(encoded_);
  for (std::uint32_t i = 0; i != count_; ++i) {
    T item{};
    reader.record(item);
    visit(item);
  }
}

// Bytes that `value` takes when encoded.
template <class T>
std::size_t encoded_size(const T& value) noexcept {
  Writer measure(nullptr, 0);
  measure.record(value);
  return measure.size();
}

}  // namespace stasis
