// The coordinator's log: DIR/coordinator.log, one line an event, with the time of day.
//
// World: programs.
#pragma once
#include <string>

#include "core/base/result.hpp"

namespace stasis::coordinator {

// Opens (appends to) the log at `path`. Lines before that go nowhere.
void open_log(const std::string& path);
void log_line(const std::string& line);

// The line that people see for an error: text, detail, reason of the system; without the remedy.
std::string sentence(const Error& failure);

}  // namespace stasis::coordinator
