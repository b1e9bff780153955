// Where run directories are on a node; what is in one is in core/environment.hpp, namespace run_directory.
//
// The name derives from the user and the computation alone, so that whoever knows these finds the coordinator.
// World: programs and SPANK.
#pragma once
#include <unistd.h>

#include <string>
#include <string_view>

#include "core/environment.hpp"

namespace stasis {

// The directory of all run directories of this user.
inline std::string run_directories_of_user() { return std::string(run_directory::kParent) + "/stasis-" + std::to_string(::geteuid()); }

// `computation` is followed by a dot and the name of the part if that is not the root's.
inline std::string run_directory_of(std::string_view computation) { return run_directories_of_user() + "/" + std::string(computation); }
inline std::string coordinator_socket_of(std::string_view computation) { return run_directory_of(computation) + "/" + run_directory::kSocket; }

}  // namespace stasis
