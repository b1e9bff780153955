// Injected failures: STASIS_FAULT=point[:errno[:skip]] makes the named point (core/base/faults.def) fail.
//
// World: hijack.
#pragma once
#include <cstdint>

#include "core/base/result.hpp"

namespace stasis::hijack {

enum class Fault : std::uint8_t {
#define FAULT(name, meaning) name,
#include "core/base/faults.def"
#undef FAULT
};

// A failure if `point` was asked for and its skips are used up, otherwise success.
Status fault(Fault point) noexcept;

}  // namespace stasis::hijack
