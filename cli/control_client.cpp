// See control_client.hpp.
// World: programs.
#include "cli/control_client.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/codec/codec.hpp"
#include "core/environment.hpp"
#include "core/proto/framed.hpp"

namespace stasis::cli {
namespace {

class Socket {
 public:
  Socket() : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { ::close(fd_); }
  int get() const { return fd_; }

 private:
  int fd_;
};

Status receive(int fd, char* target, std::size_t size) {
  for (std::size_t done = 0; done != size;) {
    const ssize_t got = ::recv(fd, target + done, size - done, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0 || (got < 0 && errno == ECONNRESET)) return error(ErrorCode::no_coordinator, "it ended before it answered");
    if (got < 0) return system_error("receive from the coordinator", -errno);
    done += static_cast<std::size_t>(got);
  }
  return {};
}

// The process at the other end, by a descriptor that tells of its end; none if it cannot be had (Linux before 5.3, a process that is not of this namespace).
class Peer {
 public:
  explicit Peer(int socket) {
    struct ucred peer{};
    socklen_t length = sizeof peer;
    if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.pid > 0) fd_ = static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0));
  }
  Peer(const Peer&) = delete;
  ~Peer() {
    if (fd_ >= 0) ::close(fd_);
  }
  // It has said that it will; that it hangs there has a limit.
  void wait_for_end() const {
    constexpr int kLongestMs = 10'000;
    pollfd end{fd_, POLLIN, 0};
    if (fd_ >= 0) ::poll(&end, 1, kLongestMs);
  }

 private:
  int fd_ = -1;
};

}  // namespace

Result<CoordinatorAddress> find_coordinator(const std::string& store) {
  struct stat status{};
  if (::stat((store + "/" + store_layout::kIdentity).c_str(), &status) != 0) {
    if (errno == EACCES) return error(ErrorCode::foreign_store, store);
    return error(ErrorCode::no_store, store);
  }
  if (status.st_uid != ::geteuid() && ::geteuid() != 0) return error(ErrorCode::foreign_store, store);
  std::ifstream file(store + "/" + store_layout::kCoordinator);
  const nlohmann::json address = nlohmann::json::parse(file, nullptr, false);
  if (!address.is_object()) return error(ErrorCode::no_coordinator, store);
  CoordinatorAddress found{address.value("computation", ""), address.value("key", ""), address.value("socket", "")};
  if (found.socket.empty()) return error(ErrorCode::no_coordinator, store);
  return found;
}

Result<Answer> ask(const CoordinatorAddress& coordinator, proto::Request request) {
  const Socket socket;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (coordinator.socket.size() >= sizeof address.sun_path) return error(ErrorCode::no_coordinator, coordinator.socket);
  std::memcpy(address.sun_path, coordinator.socket.data(), coordinator.socket.size());
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return errno == ECONNREFUSED || errno == ENOENT ? error(ErrorCode::no_coordinator, coordinator.socket) : system_error("connect to " + coordinator.socket, -errno);
  }
  const Peer peer(socket.get());
  request.key = coordinator.key;
  const std::string frame = proto::framed(request);
  if (::send(socket.get(), frame.data(), frame.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(frame.size())) return error(ErrorCode::no_coordinator, coordinator.socket);
  for (proto::FrameHeader header;;) {
    STASIS_TRY(receive(socket.get(), reinterpret_cast<char*>(&header), sizeof header));
    if (!proto::is_valid(header) || header.version != proto::kProtocolVersion) return error(ErrorCode::protocol, coordinator.socket);
    std::string payload(header.length, '\0');
    STASIS_TRY(receive(socket.get(), payload.data(), payload.size()));
    if (header.type != static_cast<std::uint16_t>(proto::MessageType::reply)) continue;
    proto::Reply reply;
    Reader reader(payload);
    reader.record(reply);
    if (reply.code == ErrorCode::none && request.verb == proto::Verb::kill) peer.wait_for_end();
    if (reply.code == ErrorCode::none) return Answer{std::string(reply.text), std::string(reply.json)};
    Error failure = error(reply.code, reply.text);
    failure.sys_errno = reply.sys_errno;
    return failure;
  }
}

}  // namespace stasis::cli
