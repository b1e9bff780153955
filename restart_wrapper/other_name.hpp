// Opening a file that was opened by a name which it has lost, and that has another.
//
// World: programs.
#pragma once
#include <string>

namespace stasis::restart {

// Opens the file at `name`. If it can have the name `removed` for that moment, because nothing else has taken that (directories that are gone are made for that moment, too), it is opened by it, so that
// /proc shows it as before: "removed (deleted)". Empty: there is no such name. Returns the descriptor or -1 with errno.
int open_by_other_name(const std::string& name, const std::string& removed, int flags);

}  // namespace stasis::restart
