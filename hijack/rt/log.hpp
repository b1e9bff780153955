// The library's log: lines appended to the file that STASIS_LOG names; nothing without it.
//
// The file is opened for each line and closed again, so that the program never holds a descriptor of ours.
// World: hijack, any thread and any signal handler.
#pragma once
#include "core/base/fixed_string.hpp"
#include "core/base/result.hpp"

namespace stasis::hijack {

using LogLine = FixedString<480>;

// Writes `line` with time, process and thread in front.
void log(const LogLine& line) noexcept;
void log(const char* what, const Error& failure) noexcept;

}  // namespace stasis::hijack
