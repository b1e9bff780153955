// Reading the text files of /proc: a cursor over characters that yields numbers, words and lines.
//
// World: hijack. No libc, no allocation: every result points into the text.
#pragma once
#include <cstdint>
#include <string_view>

namespace stasis::hijack {

// The part of `text` from `at` on, empty beyond its end. (substr would throw, and there is nobody to catch.)
inline std::string_view from(std::string_view text, std::size_t at) noexcept {
  text.remove_prefix(at < text.size() ? at : text.size());
  return text;
}

class Text {
 public:
  explicit Text(std::string_view text) noexcept : rest_(text) {}
  bool done() const noexcept { return rest_.empty(); }
  std::string_view rest() const noexcept { return rest_; }

  void skip(std::size_t count) noexcept { rest_.remove_prefix(count < rest_.size() ? count : rest_.size()); }
  void skip_blanks() noexcept {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
  }
  // The characters up to the next newline, which is passed over.
  std::string_view line() noexcept {
    const std::size_t end = rest_.find('\n');
    const std::string_view line = rest_.substr(0, end);
    skip(end == std::string_view::npos ? rest_.size() : end + 1);
    return line;
  }
  // The next characters that are not blank, after any blanks.
  std::string_view word() noexcept {
    skip_blanks();
    std::size_t length = 0;
    while (length < rest_.size() && rest_[length] != ' ' && rest_[length] != '\t' && rest_[length] != '\n') ++length;
    const std::string_view word = rest_.substr(0, length);
    skip(length);
    return word;
  }
  // A number after any blanks, with or without a sign, with or without 0x in base 16; 0 if there is none.
  std::uint64_t number(unsigned base = 10) noexcept {
    skip_blanks();
    const bool negative = !rest_.empty() && rest_.front() == '-';
    if (negative) skip(1);
    if (base == 16 && rest_.starts_with("0x")) skip(2);
    std::uint64_t value = 0;
    while (!rest_.empty()) {
      const int digit = digit_of(rest_.front());
      if (digit < 0 || static_cast<unsigned>(digit) >= base) break;
      value = value * base + static_cast<unsigned>(digit);
      skip(1);
    }
    return negative ? 0 - value : value;
  }

 private:
  static int digit_of(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  }
  std::string_view rest_;
};

// What follows `key` on its line in a file of "Key: value" lines, without leading blanks; empty if there is no such line.
inline std::string_view field_of(std::string_view file, std::string_view key) noexcept {
  for (Text text(file); !text.done();) {
    std::string_view line = text.line();
    if (!line.starts_with(key)) continue;
    Text value(from(line, key.size()));
    value.skip_blanks();
    return value.rest();
  }
  return {};
}

}  // namespace stasis::hijack
