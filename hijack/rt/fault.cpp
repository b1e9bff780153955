// Injected failures, see fault.hpp.
// World: hijack.
#include "hijack/rt/fault.hpp"

#include <errno.h>

#include "hijack/engine/settings.hpp"
#include "hijack/rt/text.hpp"

namespace stasis::hijack {
namespace {

constexpr std::string_view kNames[] = {
#define FAULT(name, meaning) #name,
#include "core/base/faults.def"
#undef FAULT
};

constinit std::uint32_t passed = 0;  // times that the point was passed

}  // namespace

Status fault(Fault point) noexcept {
  std::string_view wanted = settings.fault.view();
  if (wanted.empty()) return {};
  const std::string_view name = kNames[static_cast<std::size_t>(point)];
  if (!wanted.starts_with(name)) return {};
  wanted.remove_prefix(name.size());
  if (!wanted.empty() && wanted.front() != ':') return {};
  Text numbers(wanted);
  numbers.skip(1);
  const auto given = static_cast<std::int32_t>(numbers.number());
  const std::int32_t code = given == 0 ? EIO : given;
  numbers.skip(1);
  const std::uint64_t skips = numbers.number();
  if (passed++ < skips) return {};
  return Error{ErrorCode::fault, code, FixedString<320>(name)};
}

}  // namespace stasis::hijack
