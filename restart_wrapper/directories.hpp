// Directories that are gone since the checkpoint, and in which the program had something that is made anew under its name.
//
// World: programs.
#pragma once
#include <sys/types.h>

#include <string>

#include "core/base/result.hpp"

namespace stasis::restart {

// Whether there can be something new at `path`: the directory that it is to be in is there and may be written to, or can be made. Touches nothing.
bool has_place(const std::string& path);

// Makes what is missing of the directories on the way to `path`, with the permissions `mode`. Errors: system.
Status make_directories(const std::string& path, mode_t mode);

}  // namespace stasis::restart
