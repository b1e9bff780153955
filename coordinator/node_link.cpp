// See node_link.hpp.
// World: programs.
#include "coordinator/node_link.hpp"

#include <charconv>

namespace stasis::coordinator {

FixedString<proto::DrainMarker::kNonceDigits> drain_nonce(std::uint64_t generation) {
  FixedString<proto::DrainMarker::kNonceDigits> digits, nonce;
  digits.append_number(generation, 16);
  for (std::size_t i = digits.size(); i != proto::DrainMarker::kNonceDigits; ++i) nonce.append("0");
  nonce.append(digits);
  return nonce;
}

std::uint32_t task_of(std::string_view part) {
  std::uint32_t task = 0;
  const std::size_t dot = part.rfind('.');
  if (dot != std::string_view::npos) std::from_chars(part.data() + dot + 1, part.data() + part.size(), task);
  return task;
}

}  // namespace stasis::coordinator
