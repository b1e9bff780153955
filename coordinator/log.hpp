// The coordinator's log: DIR/coordinator.log, one line an event, with the time of day.
//
// World: programs.
#pragma once
#include <string>


namespace stasis::coordinator {

// Opens (appends to) the log at `path`. Lines before that go nowhere.
void open_log(const std::string& path);
void log_line(const std::string& line);

}  // namespace stasis::coordinator
