// Where run directories are on a node; what is in one is in core/environment.hpp, namespace run_directory.
//
// The name derives from the user and the computation alone, so that whoever knows these finds the coordinator.
// World: programs and SPANK.
#pragma once
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include <string>
#include <string_view>

#include "core/environment.hpp"

namespace stasis {

// The directory of all run directories of this user.
inline std::string run_directories_of_user() { return std::string(run_directory::kParent) + "/stasis-" + std::to_string(::geteuid()); }

// `computation` is followed by a dot and the name of the part if that is not the root's.
inline std::string run_directory_of(std::string_view computation) { return run_directories_of_user() + "/" + std::string(computation); }
inline std::string coordinator_socket_of(std::string_view computation) { return run_directory_of(computation) + "/" + run_directory::kSocket; }

// Whether a process of the computation or its coordinator has the directory's member table mapped, which holds a lock (core/registry/member_table.hpp). So a computation
// whose coordinator was killed is seen. What cannot be looked at is in use.
inline bool is_in_use(const std::string& directory) {
  const int fd = ::open((directory + "/" + run_directory::kMembers).c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno != ENOENT;
  const bool mapped = ::flock(fd, LOCK_EX | LOCK_NB) != 0;
  ::close(fd);
  return mapped;
}

}  // namespace stasis
