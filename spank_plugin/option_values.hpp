// What the options and the arguments of plugstack.conf may be.
//
// World: SPANK. Pure.
#pragma once
#include <string_view>

#include "core/base/fixed_string.hpp"
#include "spank_plugin/session.hpp"

namespace stasis::spank {

// Reads the arguments of plugstack.conf; an unknown key or a bad value is an error that names it.
Result<Site> parse_site(int argc, char** argv);

// Checks one option's words. Pure, so that it can be tested without Slurm; the error's detail is the line for the user.
Result<std::uint64_t> parse_interval(std::string_view text);
Result<std::uint32_t> parse_keep(std::string_view text);
// `text` made absolute against `base`; refuses an empty one, patterns that are unknown, and control characters.
Result<FixedString<4096>> parse_directory(std::string_view text, std::string_view base);

}  // namespace stasis::spank
