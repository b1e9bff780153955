// The options --checkpoint-interval, --checkpoint-dir and --checkpoint-keep: registered with Slurm, checked, kept in the session.
//
// World: SPANK.
#pragma once
#include <string_view>

#include "spank_plugin/session.hpp"

namespace stasis::spank {

// Makes Slurm know the options. To be called in slurm_spank_init, in every context where they are used (spank(8)).
// `session` must live until the callbacks of the options have been called.
void register_options(spank_t spank, Session& session);

// Reads the arguments of plugstack.conf; an unknown key or a bad value is an error that names it.
Result<Site> parse_site(int argc, char** argv);

// Checks one option's words. Pure, so that it can be tested without Slurm; the error's detail is the line for the user.
Result<std::uint64_t> parse_interval(std::string_view text);
Result<std::uint32_t> parse_keep(std::string_view text);
// `text` made absolute against `base`; refuses an empty one, patterns that are unknown, and control characters.
Result<FixedString<4096>> parse_directory(std::string_view text, std::string_view base);

}  // namespace stasis::spank
