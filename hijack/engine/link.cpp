// The connection to the coordinator, see link.hpp.
// World: hijack, leader.
#include "hijack/engine/link.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include "core/environment.hpp"
#include "hijack/engine/settings.hpp"

namespace stasis::hijack {

Status Link::connect() noexcept {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  FixedString<sizeof address.sun_path - 1> path(settings.run_directory.view());
  path.append("/").append(run_directory::kSocket);
  std::memcpy(address.sun_path, path.c_str(), path.size());
  fd_ = OwnedFd(sys::call(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd_.ok()) return system_error("socket", fd_.get());
  if (const long result = sys::call(SYS_connect, fd_.get(), &address, sizeof address); result < 0)
    return system_error(FixedString<320>("connect ").append(path), result);
  struct ucred peer{};
  unsigned length = sizeof peer;
  const long result = sys::call(SYS_getsockopt, fd_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &length);
  if (result < 0) return system_error("SO_PEERCRED", result);
  if (peer.uid != 0 && peer.uid != static_cast<uid_t>(sys::call(SYS_getuid))) return error(ErrorCode::rejected, "another user listens at the socket");
  return {};
}

Status Link::send_frame(proto::MessageType type, char* frame, std::size_t payload) noexcept {
  proto::FrameHeader header;
  header.type = static_cast<std::uint16_t>(type);
  header.length = static_cast<std::uint32_t>(payload);
  header.generation = generation_;
  std::memcpy(frame, &header, sizeof header);
  std::size_t left = sizeof header + payload;
  while (left != 0) {
    iovec part{frame, left};
    msghdr message{};
    message.msg_iov = &part, message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {};
    if (with_ != nullptr) {
      message.msg_control = control, message.msg_controllen = sizeof control;
      cmsghdr* item = CMSG_FIRSTHDR(&message);
      item->cmsg_level = SOL_SOCKET, item->cmsg_type = SCM_RIGHTS, item->cmsg_len = CMSG_LEN(2 * sizeof(int));
      std::memcpy(CMSG_DATA(item), with_, 2 * sizeof(int));
    }
    const long put = sys::call(SYS_sendmsg, fd_.get(), &message, MSG_NOSIGNAL);
    if (put == -EINTR) continue;
    if (put < 0) return system_error("send to the coordinator", put);
    with_ = nullptr;
    frame += put;
    left -= static_cast<std::size_t>(put);
  }
  return {};
}

Result<Frame> Link::receive(OwnedFd* first, OwnedFd* second) noexcept {
  proto::FrameHeader header;
  alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
  iovec part{&header, sizeof header};
  msghdr message{};
  message.msg_iov = &part, message.msg_iovlen = 1;
  if (first != nullptr) message.msg_control = control, message.msg_controllen = sizeof control;
  long got;
  do got = sys::call(SYS_recvmsg, fd_.get(), &message, MSG_WAITALL | MSG_CMSG_CLOEXEC);
  while (got == -EINTR);
  if (got > 0 && got != sizeof header) {
    const long rest = read_all(fd_.get(), reinterpret_cast<char*>(&header) + got, sizeof header - static_cast<std::size_t>(got));
    got = rest < 0 ? rest : got + rest;
  }
  if (got < 0) return system_error("receive from the coordinator", got);
  if (const cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr && item->cmsg_type == SCM_RIGHTS && item->cmsg_len == CMSG_LEN(2 * sizeof(int))) {
    int fds[2];
    std::memcpy(fds, CMSG_DATA(const_cast<cmsghdr*>(item)), sizeof fds);
    *first = OwnedFd(fds[0]), *second = OwnedFd(fds[1]);
  }
  if (got != sizeof header) return error(ErrorCode::no_coordinator, "the connection ended");
  if (!proto::is_valid(header) || header.version != proto::kProtocolVersion) return error(ErrorCode::protocol, "a frame from the coordinator");
  char* place = static_cast<char*>(arena_.take(header.length));
  if (place == nullptr) return out_of_arena();
  got = read_all(fd_.get(), place, header.length);
  if (got != static_cast<long>(header.length)) return error(ErrorCode::no_coordinator, "the connection ended within a message");
  return Frame{static_cast<proto::MessageType>(header.type), std::string_view(place, header.length)};
}

}  // namespace stasis::hijack
