// Which image files `inspect` and `verify` are asked about.
//
// World: programs.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/result.hpp"

namespace stasis::cli {

// Generation number -> its image files, ascending. A generation without a manifest does not count.
// Errors: no_store when `store` is no store's directory.
Result<std::map<std::uint64_t, std::vector<std::string>>> generations_of(const std::string& store);

}  // namespace stasis::cli
