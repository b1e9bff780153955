// See run_directory.hpp.
// World: programs.
#include "coordinator/run_directory.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "core/run_directory.hpp"

namespace stasis::coordinator {
namespace {

constexpr std::size_t kIdLength = 16;
constexpr int kLookAgainMs = 10;

// /dev/shm is everybody's: what stands there under our name must be a directory of ours, no link.
Status own_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return system_error("create " + path, -errno);
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) return system_error(path, -errno);
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid()) return error(ErrorCode::rejected, path).with("somebody else's directory is in the way");
  return {};
}

// The turn in the directory of all run directories; as long as the object lives.
class Turn {
 public:
  // Makes `parent` if it is not there.
  static Result<Turn> make(const std::string& parent) {
    for (;;) {
      if (const Status ours = own_directory(parent); !ours) {
        if (ours.error().sys_errno == ENOENT) continue;  // removed between two looks
        return ours.error();
      }
      Turn turn(parent);
      if (turn.fd_ < 0 && errno == ENOENT) continue;
      if (turn.fd_ < 0) return system_error("open " + parent, -errno);
      if (::flock(turn.fd_, LOCK_EX) != 0) return system_error("lock " + parent, -errno);
      if (turn.is_there()) return turn;
    }
  }
  // Nothing if there is no such directory of ours.
  static std::optional<Turn> take(const std::string& parent) {
    Turn turn(parent);
    struct stat status{};
    if (turn.fd_ < 0 || ::fstat(turn.fd_, &status) != 0 || status.st_uid != ::geteuid()) return std::nullopt;
    if (::flock(turn.fd_, LOCK_EX) != 0 || !turn.is_there()) return std::nullopt;
    return turn;
  }
  Turn() noexcept = default;
  Turn(Turn&& other) noexcept : parent_(std::move(other.parent_)), fd_(std::exchange(other.fd_, -1)) {}
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit Turn(const std::string& parent) : parent_(parent), fd_(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) {}
  // Whoever had the turn before may have removed the directory; then what we have locked is not what others find.
  bool is_there() const {
    struct stat locked{}, named{};
    return ::fstat(fd_, &locked) == 0 && ::lstat(parent_.c_str(), &named) == 0 && locked.st_ino == named.st_ino && locked.st_dev == named.st_dev;
  }
  std::string parent_;
  int fd_ = -1;
};

// The mapping keeps the description, and with it the lock, when the descriptor is closed.
Result<MemberTable> make_member_table(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return system_error("create " + path, -errno);
  void* base = MAP_FAILED;
  if (::ftruncate(fd, kMemberTableBytes) == 0 && ::flock(fd, LOCK_SH | LOCK_NB) == 0)
    base = ::mmap(nullptr, kMemberTableBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  const int reason = errno;
  ::close(fd);
  if (base == MAP_FAILED) return system_error("map " + path, -reason);
  return MemberTable(base);
}

std::uint64_t inode_of(const std::string& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

bool set_address(sockaddr_un& address, const std::string& path) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  return true;
}

Result<int> listen_at(const std::string& path) {
  sockaddr_un address;
  if (!set_address(address, path)) return error(ErrorCode::defect, path);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return system_error("socket", -errno);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 4096) != 0) return system_error("listen at " + path, -errno);
  return fd;
}

// Somebody who listens is alive, whatever the lock says.
bool is_answered(const std::string& socket) {
  sockaddr_un address;
  if (!set_address(address, socket)) return true;
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const bool answered = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN;
  ::close(fd);
  return answered;
}

// By whoever has mapped its table or listens.
bool is_used(const std::string& path) { return is_in_use(path) || is_answered(path + "/" + run_directory::kSocket); }

// The computation's id, and of a part that a launch made its name: ID.LAUNCH.TASK.
bool is_run_directory(const std::filesystem::path& path) {
  struct stat status{};
  const std::string name = path.filename().string();
  const std::size_t id = std::min(name.find_first_not_of("0123456789abcdef"), name.size());
  const bool is_ours = id == kIdLength && name.find_first_not_of("0123456789abcdef.") == std::string::npos;
  return is_ours && ::lstat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

// Only what is ours goes; a directory that holds anything else stays.
void empty(const std::string& path) {
  for (const char* name : {run_directory::kSocket, run_directory::kMembers, run_directory::kIds, run_directory::kStoreLink, run_directory::kEnvironment}) ::unlink((path + "/" + name).c_str());
}

// The caller has the turn.
void remove_unused(const std::string& parent) {
  std::vector<std::string> unused;
  std::error_code problem;
  for (std::filesystem::directory_iterator entry(parent, problem), end; !problem && entry != end; entry.increment(problem)) {
    const std::string path = entry->path().string();
    if (is_run_directory(entry->path()) && !is_used(path)) unused.push_back(path);
  }
  for (const std::string& path : unused) {
    empty(path);
    ::rmdir(path.c_str());
  }
}

// The caller has the turn, and nobody uses it.
Result<RunDirectory> make_anew(const std::string& path, const std::string& store) {
  RunDirectory run;
  run.path = path;
  STASIS_TRY(own_directory(run.path));
  empty(run.path);
  STASIS_TRY_VALUE(run.members, make_member_table(run.path + "/" + run_directory::kMembers));
  run.table_inode = inode_of(run.path + "/" + run_directory::kMembers);
  run.socket_path = run.path + "/" + run_directory::kSocket;
  STASIS_TRY_VALUE(run.listener, listen_at(run.socket_path));
  const std::string link = run.path + "/" + run_directory::kStoreLink;
  if (::symlink(store.c_str(), link.c_str()) != 0) return system_error("create " + link, -errno);
  return run;
}

}  // namespace

std::string users_run_directories() { return run_directories_of_user(); }

Result<RunDirectory> make_run_directory(const std::string& computation, const std::string& store, const std::string& parent, int patience_ms) {
  const std::string path = parent + "/" + computation;
  for (int waited = 0;; waited += kLookAgainMs) {
    {
      STASIS_TRY_VALUE(const Turn turn, Turn::make(parent));
      remove_unused(parent);
      if (!is_used(path)) return make_anew(path, store);
    }
    if (waited >= patience_ms) break;
    ::poll(nullptr, 0, kLookAgainMs);  // the end of a mapping is no event
  }
  std::error_code unknown;
  const std::string users = std::filesystem::read_symlink(path + "/" + run_directory::kStoreLink, unknown).string();
  return error(ErrorCode::still_running, unknown ? path : users);
}

Status publish_allocation(const RunDirectory& run) {
  const std::string path = run.path + "/" + run_directory::kEnvironment;
  std::string text;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    if (variable.starts_with("SLURM_") || variable.starts_with("SLURMD_")) text.append(variable).push_back('\0');
  }
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return system_error("create " + path, -errno);
  const bool whole = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int reason = errno;
  ::close(fd);
  return whole ? Status{} : Status(system_error("write " + path, -reason));
}

void remove_run_directory(const RunDirectory& run) {
  const std::string parent = std::filesystem::path(run.path).parent_path().string();
  const std::optional<Turn> turn = Turn::take(parent);
  // Whoever restarts the computation while we are ending has made the directory anew.
  if (!turn || inode_of(run.path + "/" + run_directory::kMembers) != run.table_inode) return;
  empty(run.path);
  ::rmdir(run.path.c_str());
  ::rmdir(parent.c_str());
}

void sweep_run_directories(const std::string& parent) {
  const std::optional<Turn> turn = Turn::take(parent);
  if (!turn) return;
  remove_unused(parent);
  ::rmdir(parent.c_str());
}

}  // namespace stasis::coordinator
