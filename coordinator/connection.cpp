// See connection.hpp.
// World: programs.
#include "coordinator/connection.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace stasis::coordinator {
namespace {
constexpr std::size_t kMostFds = 64;  // that come between two looks at the socket; more are closed by the kernel
constexpr int kPatienceMs = 10'000;  // a peer that does not read for this long is hung
}

Connection::Connection(int fd) : fd_(fd) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0) pid_ = peer.pid, uid_ = peer.uid;
}

Connection::~Connection() {
  for (const int fd : fds_) ::close(fd);
  ::close(fd_);
}

bool Connection::is_own_user() const { return uid_ == ::geteuid(); }

bool Connection::read_available() {
  char buffer[65536];
  for (;;) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMostFds)];
    iovec part{buffer, sizeof buffer};
    msghdr header{};
    header.msg_iov = &part, header.msg_iovlen = 1;
    header.msg_control = control, header.msg_controllen = sizeof control;
    const ssize_t got = ::recvmsg(fd_, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got > 0) {
      for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        fds_.resize(fds_.size() + count);
        std::memcpy(fds_.data() + fds_.size() - count, CMSG_DATA(item), count * sizeof(int));
      }
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

std::vector<int> Connection::take_fds(std::size_t count) {
  const auto end = fds_.begin() + static_cast<std::ptrdiff_t>(std::min(count, fds_.size()));
  std::vector<int> taken(fds_.begin(), end);
  fds_.erase(fds_.begin(), end);
  return taken;
}

bool Connection::send_bytes(const std::string& bytes, const std::vector<int>& fds) {
  for (std::size_t done = 0; done != bytes.size();) {
    iovec part{const_cast<char*>(bytes.data()) + done, bytes.size() - done};
    msghdr header{};
    header.msg_iov = &part, header.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMostFds)] = {};
    if (done == 0 && !fds.empty() && fds.size() <= kMostFds) {  // they go with the first bytes
      header.msg_control = control, header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
      cmsghdr* item = CMSG_FIRSTHDR(&header);
      item->cmsg_level = SOL_SOCKET, item->cmsg_type = SCM_RIGHTS, item->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
      std::memcpy(CMSG_DATA(item), fds.data(), sizeof(int) * fds.size());
    }
    const ssize_t sent = ::sendmsg(fd_, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
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
