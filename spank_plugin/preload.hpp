// Lists of preloaded libraries, as LD_PRELOAD has them: separated by colons or spaces (ld.so(8)).
//
// World: SPANK. Pure functions.
#pragma once
#include <string>
#include <string_view>

namespace stasis::spank {

// The list without any entry that is our library, under whatever path; the others keep their order.
std::string without_library(std::string_view list);

// `library` first, so that its wrappers see the calls of the others, then the user's own list.
std::string with_library(std::string_view library, std::string_view list);

}  // namespace stasis::spank
