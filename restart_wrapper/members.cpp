// Mapping the member table, see members.hpp.
// World: programs.
#include "restart_wrapper/members.hpp"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>
#include <utility>

#include "core/environment.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {

Result<Members> Members::map(const std::string& run_directory) {
  const std::string path = run_directory + "/" + run_directory::kMembers;
  const UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!file && errno == ENOENT) return error(ErrorCode::no_coordinator, path);
  if (!file) return system_error("open " + path, -errno);
  void* const base = ::mmap(nullptr, kMemberTableBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (base == MAP_FAILED) return system_error("map " + path, -errno);
  return Members(base);
}

Members::Members(Members&& other) noexcept : base_(std::exchange(other.base_, nullptr)) {}

Members::~Members() {
  if (base_ != nullptr) ::munmap(base_, kMemberTableBytes);
}

}  // namespace stasis::restart
