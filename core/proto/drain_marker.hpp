// The drain marker: a line that the coordinator writes into a task's stdout or stderr pipe, behind everything that the task has written, and
// that the launch proxy takes out of srun's output again. Having seen it, the proxy knows that nothing of that task is under way any more.
//
//   \x02stasis-drain LAUNCH NONCE TASK\x03\n      LAUNCH: 8 hex digits, NONCE: 16 hex digits, TASK: decimal
//
// It is a line of its own, because slurmstepd passes on whole lines only; and shorter than one of Slurm's messages (1024 bytes).
// World: all.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/base/fixed_string.hpp"

namespace stasis::proto {

struct DrainMarker {
  static constexpr char kFirst = '\x02';
  static constexpr std::string_view kStart = "\x02stasis-drain ";
  static constexpr std::string_view kEnd = "\x03\n";
  static constexpr std::size_t kLaunchDigits = 8;
  static constexpr std::size_t kNonceDigits = 16;
  static constexpr std::size_t kTaskDigits = 10;  // at most
  static constexpr std::size_t kLongest = kStart.size() + kLaunchDigits + 1 + kNonceDigits + 1 + kTaskDigits + kEnd.size();

  FixedString<kLaunchDigits> launch;
  FixedString<kNonceDigits> nonce;
  std::uint32_t task = 0;

  FixedString<kLongest> text() const noexcept {
    FixedString<kLongest> text(kStart);
    text.append(launch).append(" ").append(nonce).append(" ").append_number(task).append(kEnd);
    return text;
  }
};

enum class MarkerMatch : std::uint8_t {
  none,   // the text does not begin with a marker of this launch
  begun,  // so far it does, but it ends before the marker
  whole,
};

// Whether `text` begins with a marker of `launch`. If it is whole, `marker` is filled in and `length` is how many bytes it takes.
constexpr MarkerMatch match_drain_marker(std::string_view text, std::string_view launch, DrainMarker& marker, std::size_t& length) noexcept {
  std::size_t at = 0;
  bool ends = false;  // the text, with everything right so far
  const auto literal = [&](std::string_view wanted) {
    for (const char c : wanted) {
      if (at == text.size()) return ends = true, false;
      if (text[at++] != c) return false;
    }
    return true;
  };
  const auto digits = [&](unsigned base, std::size_t least, std::size_t most) {
    const std::size_t start = at;
    while (at != text.size() && at - start != most && ((text[at] >= '0' && text[at] <= '9') || (base == 16 && text[at] >= 'a' && text[at] <= 'f'))) ++at;
    if (at == text.size()) return ends = true, false;
    return at - start >= least;
  };
  const auto matches = [&] {
    if (!literal(DrainMarker::kStart) || !literal(launch) || !literal(" ")) return false;
    const std::size_t nonce = at;
    if (!digits(16, DrainMarker::kNonceDigits, DrainMarker::kNonceDigits) || !literal(" ")) return false;
    const std::size_t task = at;
    if (!digits(10, 1, DrainMarker::kTaskDigits)) return false;
    std::uint64_t number = 0;
    for (std::size_t i = task; i != at; ++i) number = number * 10 + static_cast<std::uint64_t>(text[i] - '0');
    if (number > 0xffffffffu || !literal(DrainMarker::kEnd)) return false;
    marker.launch = FixedString<DrainMarker::kLaunchDigits>(launch);
    marker.nonce = FixedString<DrainMarker::kNonceDigits>(text.substr(nonce, DrainMarker::kNonceDigits));
    marker.task = static_cast<std::uint32_t>(number);
    length = at;
    return true;
  };
  if (matches()) return MarkerMatch::whole;
  return ends ? MarkerMatch::begun : MarkerMatch::none;
}

}  // namespace stasis::proto
