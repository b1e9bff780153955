// Error codes and their texts, generated from errors.def.
//
// World: all. No allocation, no libc.
#pragma once
#include <cstdint>
#include <string_view>

namespace stasis {

enum class ErrorCode : std::uint16_t {
  none = 0,
#define ERR(number, name, exit_status, text, remedy) name = number,
#include "core/base/errors.def"
#undef ERR
};

// What an error code says to the user. `exit_status` is what a program of ours returns when this error reaches main.
struct ErrorText {
  std::string_view name;
  std::string_view text;
  std::string_view remedy;
  int exit_status;
};

// The entry of the catalogue for `code`; unknown codes (from a newer peer) get the entry of `defect`.
constexpr ErrorText describe(ErrorCode code) noexcept {
  switch (code) {
#define ERR(number, name, exit_status, text, remedy) \
  case ErrorCode::name:                              \
    return {#name, text, remedy, exit_status};
#include "core/base/errors.def"
#undef ERR
    case ErrorCode::none:
      return {"none", "no error", "", 0};
  }
  return describe(ErrorCode::defect);
}

}  // namespace stasis
