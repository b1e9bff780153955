// The coordinator's log: DIR/coordinator.log, one line an event, with the time of day. The coordinator of another part has one of its own,
// DIR/coordinator.PART.log: lines that two nodes append to one file of a network file system would overwrite one another.
//
// World: programs.
#pragma once
#include <string>

namespace stasis::coordinator {

// Opens (appends to) the log at `path`. Lines before that go nowhere.
void open_log(const std::string& path);
void log_line(const std::string& line);

// The name in the store of the log of `part`, which is not the root's own, and the part whose log has that name (empty: it is no such log).
std::string part_log_name(const std::string& part);
std::string part_of_log(const std::string& name);

}  // namespace stasis::coordinator
