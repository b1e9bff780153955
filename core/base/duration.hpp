// Times as users write them: Slurm's own grammar and the short form.
//
//   30  30:00  0:30:00  1-00  1-00:30  1-00:30:00     minutes, minutes:seconds, hours:minutes:seconds, days-hours[:minutes[:seconds]]
//   90s  30m  2h  1d                                  a number and one unit
//
// Source of the first line: sbatch(1), --time. Every time is printed back normalised by format_duration, in the short form.
// World: all. No allocation, no libc.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/base/fixed_string.hpp"
#include "core/base/result.hpp"

namespace stasis {

// Longest time that is accepted: a hundred years. More is a slip of the finger and would overflow deadlines in nanoseconds.
inline constexpr std::uint64_t kLongestDuration = 36'525ull * 86'400;

namespace duration_detail {

// Takes a decimal number off the front of `text`; false if there is none or it is longer than nine digits.
constexpr bool take_number(std::string_view& text, std::uint64_t& number) noexcept {
  std::size_t digits = 0;
  number = 0;
  while (digits != text.size() && text[digits] >= '0' && text[digits] <= '9') {
    number = number * 10 + static_cast<std::uint64_t>(text[digits] - '0');
    if (++digits > 9) return false;
  }
  text.remove_prefix(digits);
  return digits != 0;
}

constexpr std::uint64_t seconds_of_unit(char unit) noexcept {
  switch (unit) {
    case 's': return 1;
    case 'm': return 60;
    case 'h': return 3'600;
    case 'd': return 86'400;
    default: return 0;
  }
}

// Seconds of `text`; false if it is not a time.
constexpr bool parse(std::string_view text, std::uint64_t& seconds) noexcept {
  std::uint64_t first = 0;
  if (!take_number(text, first)) return false;
  if (text.size() == 1 && seconds_of_unit(text[0]) != 0) {
    seconds = first * seconds_of_unit(text[0]);
    return true;
  }
  const bool with_days = !text.empty() && text[0] == '-';
  std::uint64_t fields[3] = {};
  std::size_t count = 0;
  if (with_days) {
    text.remove_prefix(1);
    if (!take_number(text, fields[count++])) return false;
  } else {
    fields[count++] = first;
  }
  while (!text.empty() && text[0] == ':' && count != 3) {
    text.remove_prefix(1);
    if (!take_number(text, fields[count++])) return false;
  }
  if (!text.empty()) return false;
  if (with_days) {
    seconds = first * 86'400 + fields[0] * 3'600 + fields[1] * 60 + fields[2];
  } else if (count == 3) {
    seconds = fields[0] * 3'600 + fields[1] * 60 + fields[2];
  } else {
    seconds = fields[0] * 60 + fields[1];
  }
  return true;
}

}  // namespace duration_detail

// The time that `text` says, in seconds; ErrorCode::bad_time with the text in quotes otherwise. Zero is a time; whether it
// makes sense is the caller's business.
inline Result<std::uint64_t> parse_duration(std::string_view text) noexcept {
  std::uint64_t seconds = 0;
  if (duration_detail::parse(text, seconds) && seconds <= kLongestDuration) return seconds;
  Error failure = error(ErrorCode::bad_time, "'");
  failure.detail.append(text.substr(0, 64)).append("'");
  return failure;
}

// The short form with the largest unit that divides the time: "90s", "30m", "2h", "1d". parse_duration reads it back.
inline FixedString<24> format_duration(std::uint64_t seconds) noexcept {
  char unit = 's';
  std::uint64_t number = seconds;
  for (const char larger : {'m', 'h', 'd'}) {
    const std::uint64_t length = duration_detail::seconds_of_unit(larger);
    if (seconds != 0 && seconds % length == 0) {
      unit = larger;
      number = seconds / length;
    }
  }
  FixedString<24> text;
  text.append_number(number).append(std::string_view(&unit, 1));
  return text;
}

}  // namespace stasis
