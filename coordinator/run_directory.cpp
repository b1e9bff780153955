// See run_directory.hpp.
// World: programs.
#include "coordinator/run_directory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "core/environment.hpp"

namespace stasis::coordinator {
namespace {

// /dev/shm is everybody's: what stands there under our name must be a directory of ours, no link.
Status own_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return system_error("create " + path, -errno);
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return system_error(path, -errno);
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid()) return error(ErrorCode::rejected, path).with("somebody else's directory is in the way");
  return {};
}

Result<MemberTable> make_member_table(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return system_error("create " + path, -errno);
  void* base = MAP_FAILED;
  if (::ftruncate(fd, kMemberTableBytes) == 0) base = ::mmap(nullptr, kMemberTableBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  const int reason = errno;
  ::close(fd);
  if (base == MAP_FAILED) return system_error("map " + path, -reason);
  return MemberTable(base);
}

Result<int> listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return error(ErrorCode::defect, path);
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return system_error("socket", -errno);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 4096) != 0) return system_error("listen at " + path, -errno);
  return fd;
}

}  // namespace

Result<RunDirectory> make_run_directory(const std::string& computation, const std::string& store) {
  const std::string parent = std::string(run_directory::kParent) + "/stasis-" + std::to_string(::geteuid());
  STASIS_TRY(own_directory(parent));
  RunDirectory run;
  run.path = parent + "/" + computation;
  STASIS_TRY(own_directory(run.path));
  for (const char* name : {run_directory::kSocket, run_directory::kMembers, kStoreLink}) ::unlink((run.path + "/" + name).c_str());
  STASIS_TRY_VALUE(run.members, make_member_table(run.path + "/" + run_directory::kMembers));
  run.socket_path = run.path + "/" + run_directory::kSocket;
  STASIS_TRY_VALUE(run.listener, listen_at(run.socket_path));
  const std::string link = run.path + "/" + kStoreLink;
  if (::symlink(store.c_str(), link.c_str()) != 0) return system_error("create " + link, -errno);
  return run;
}

void remove_run_directory(const RunDirectory& run) {
  for (const char* name : {run_directory::kSocket, run_directory::kMembers, kStoreLink}) ::unlink((run.path + "/" + name).c_str());
  ::rmdir(run.path.c_str());
}

}  // namespace stasis::coordinator
