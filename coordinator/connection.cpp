// See connection.hpp.
// World: programs.
#include "coordinator/connection.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace stasis::coordinator {
namespace {
constexpr int kPatienceMs = 10'000;  // a peer that does not read for this long is hung
}

Connection::Connection(int fd) : fd_(fd) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0) pid_ = peer.pid, uid_ = peer.uid;
}

Connection::~Connection() { ::close(fd_); }

bool Connection::is_own_user() const { return uid_ == ::geteuid(); }

bool Connection::read_available() {
  char buffer[65536];
  for (;;) {
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got > 0) {
      input_.append(buffer, static_cast<std::size_t>(got));
      if (input_.size() > proto::kMaximumPayload + sizeof(proto::FrameHeader)) return false;
      continue;
    }
    if (got == 0) return false;
    if (errno == EINTR) continue;
    return errno == EAGAIN;
  }
}

bool Connection::next(Frame& frame) {
  proto::FrameHeader header;
  if (input_.size() < sizeof header) return false;
  std::memcpy(&header, input_.data(), sizeof header);
  if (!proto::is_valid(header) || header.version != proto::kProtocolVersion) {
    input_.clear();
    ::shutdown(fd_, SHUT_RDWR);
    return false;
  }
  if (input_.size() < sizeof header + header.length) return false;
  frame.type = static_cast<proto::MessageType>(header.type);
  frame.payload = input_.substr(sizeof header, header.length);
  input_.erase(0, sizeof header + header.length);
  return true;
}

bool Connection::send_bytes(const std::string& bytes) {
  for (std::size_t done = 0; done != bytes.size();) {
    const ssize_t sent = ::send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      done += static_cast<std::size_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    pollfd waiting{fd_, POLLOUT, 0};
    if (errno != EAGAIN || ::poll(&waiting, 1, kPatienceMs) <= 0) return false;
  }
  return true;
}

}  // namespace stasis::coordinator
