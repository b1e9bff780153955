// Asking the kernel about sockets, see socket_diag.hpp. One question, one answer; attributes that a kernel does not know are left out by it.
// World: hijack, leader.
#include "hijack/kinds/socket_diag.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "hijack/rt/file.hpp"

namespace stasis::hijack {
namespace {

// No answer is longer than a page (net/unix/diag.c); that is room for the pending connections of a listener up to nine hundred.
constexpr std::size_t kAnswer = 4096;
constexpr unsigned kEstablished = 1, kCloseWait = 8;  // of net/tcp_states.h, which linux/tcp.h has not

// Sends `request` behind a netlink header on `link`.
template <class Request>
long send_question(int link, const Request& request, int flags) noexcept {
  struct {
    nlmsghdr header;
    Request request;
  } question{};
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  question.request = request;
  return sys::call(SYS_sendto, link, &question, sizeof question, 0, nullptr, 0);
}

long receive_answer(int link, char* answer) noexcept {
  const long got = sys::call(SYS_recvfrom, link, answer, kAnswer, MSG_DONTWAIT, nullptr, nullptr);  // the kernel has answered by now
  return got >= 0 && got < static_cast<long>(sizeof(nlmsghdr)) ? -EPROTO : got;
}

// Reads the one message that answers `request`. -ENOENT: there is no such socket.
template <class Request>
long ask(const Request& request, char* answer) noexcept {
  const OwnedFd link(sys::call(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!link.ok()) return link.get();
  if (const long sent = send_question(link.get(), request, 0); sent < 0) return sent;
  const long got = receive_answer(link.get(), answer);
  if (got < 0) return got;
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer);
  if (header->nlmsg_type != NLMSG_ERROR) return got;
  return reinterpret_cast<const nlmsgerr*>(header + 1)->error;
}

// Calls visit(type, bytes, length) for the attributes that follow a message of `size` bytes.
template <class Visit>
void for_each_attribute(const char* answer, long length, std::size_t size, Visit&& visit) noexcept {
  std::size_t at = NLMSG_HDRLEN + NLMSG_ALIGN(size);
  while (at + sizeof(rtattr) <= static_cast<std::size_t>(length)) {
    rtattr attribute;
    std::memcpy(&attribute, answer + at, sizeof attribute);
    if (attribute.rta_len < sizeof attribute || at + attribute.rta_len > static_cast<std::size_t>(length)) return;
    visit(attribute.rta_type, answer + at + RTA_LENGTH(0), attribute.rta_len - RTA_LENGTH(0));
    at += RTA_ALIGN(attribute.rta_len);
  }
}

template <class T>
T read_as(const char* bytes, std::size_t length) noexcept {
  T value{};
  std::memcpy(&value, bytes, length < sizeof value ? length : sizeof value);
  return value;
}

void put_address(std::string_view address, std::uint32_t* target, std::uint16_t& port) noexcept {
  sockaddr_in6 six{};
  std::memcpy(&six, address.data(), address.size() < sizeof six ? address.size() : sizeof six);
  port = six.sin6_port;  // where sockaddr_in has it, too
  if (six.sin6_family == AF_INET6) std::memcpy(target, &six.sin6_addr, 16);
  else std::memcpy(target, address.data() + offsetof(sockaddr_in, sin_addr), 4);
}

}  // namespace

Result<UnixFacts> ask_unix(std::uint64_t inode, Arena& arena) noexcept {
  alignas(8) char answer[kAnswer];
  unix_diag_req request{};
  request.sdiag_family = AF_UNIX;
  request.udiag_states = ~0u;
  request.udiag_ino = static_cast<std::uint32_t>(inode);
  request.udiag_show = UDIAG_SHOW_VFS | UDIAG_SHOW_PEER | UDIAG_SHOW_ICONS | UDIAG_SHOW_RQLEN;
  request.udiag_cookie[0] = request.udiag_cookie[1] = ~0u;
  const long length = ask(request, answer);
  if (length < 0) return system_error("ask the kernel about a UNIX socket", length);
  UnixFacts facts;
  facts.pending = List<image::SocketReference>(arena);
  bool full = false;
  for_each_attribute(answer, length, sizeof(unix_diag_msg), [&](unsigned short type, const char* bytes, std::size_t size) {
    if (type == UNIX_DIAG_PEER) facts.peer = read_as<std::uint32_t>(bytes, size), facts.has_peer = true;
    if (type == UNIX_DIAG_SHUTDOWN) facts.shutdown = read_as<std::uint8_t>(bytes, size);
    if (type == UNIX_DIAG_RQLEN) facts.backlog = read_as<unix_diag_rqlen>(bytes, size).udiag_wqueue;
    if (type == UNIX_DIAG_VFS) {
      const auto file = read_as<unix_diag_vfs>(bytes, size);
      facts.file_device = file.udiag_vfs_dev, facts.file_inode = file.udiag_vfs_ino;
    }
    if (type == UNIX_DIAG_ICONS)
      for (std::size_t at = 0; at + 4 <= size; at += 4) full |= !facts.pending.add({read_as<std::uint32_t>(bytes + at, 4)});
  });
  if (full) return out_of_arena();
  return facts;
}

Result<Peer> find_peer(int fd, std::uint64_t inode, Arena& arena) noexcept {
  int domain = 0, protocol = 0;
  socklen_t size = sizeof domain;
  sys::call(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
  sys::call(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
  if (domain == AF_UNIX) {
    STASIS_TRY_VALUE(const UnixFacts facts, ask_unix(inode, arena));
    return Peer{facts.peer != 0, facts.peer};  // one that is gone, or not accepted yet, is nobody's
  }
  if (protocol != IPPROTO_TCP) return Peer{};
  STASIS_TRY_VALUE(const ConnectionNames names, names_of_connection(fd, arena));
  if (names.peer.empty()) return Peer{};
  STASIS_TRY_VALUE(const TcpFacts own, ask_tcp(names.own, names.peer));
  STASIS_TRY_VALUE(const TcpFacts other, ask_tcp(names.peer, names.own));
  const bool ended = !own.found || (own.shutdown & 1) != 0;
  return Peer{!ended && (!other.found || other.inode != 0), other.inode};
}

Result<ConnectionNames> names_of_connection(int fd, Arena& arena) noexcept {
  ConnectionNames names;
  char address[128];
  socklen_t size = sizeof address;
  if (const long result = sys::call(SYS_getsockname, fd, address, &size); result < 0) return system_error("getsockname", result);
  names.own = arena.copy({address, size});
  size = sizeof address;
  if (sys::call(SYS_getpeername, fd, address, &size) == 0 && size > sizeof(sa_family_t)) names.peer = arena.copy({address, size});
  return names;
}

Result<TcpFacts> ask_tcp(std::string_view name, std::string_view peer_name) noexcept {
  alignas(8) char answer[kAnswer];
  inet_diag_req_v2 request{};
  std::memcpy(&request.sdiag_family, name.data(), 1);  // little endian: the family's number is its first byte
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_ext = 1u << (INET_DIAG_INFO - 1);
  request.idiag_states = ~0u;
  put_address(name, request.id.idiag_src, request.id.idiag_sport);
  put_address(peer_name, request.id.idiag_dst, request.id.idiag_dport);
  request.id.idiag_cookie[0] = request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  const long length = ask(request, answer);
  TcpFacts facts;
  if (length == -ENOENT) return facts;
  if (length < 0) return system_error("ask the kernel about a TCP connection", length);
  const auto message = read_as<inet_diag_msg>(answer + NLMSG_HDRLEN, static_cast<std::size_t>(length) - NLMSG_HDRLEN);
  // A socket that waits for this very address answers, too, where there is no such connection.
  facts.found = message.id.idiag_dport == request.id.idiag_dport;
  facts.is_established = message.idiag_state == kEstablished;
  facts.inode = message.idiag_inode, facts.unread = message.idiag_rqueue;
  for_each_attribute(answer, length, sizeof(inet_diag_msg), [&](unsigned short type, const char* bytes, std::size_t size) {
    if (type == INET_DIAG_SHUTDOWN) facts.shutdown = read_as<std::uint8_t>(bytes, size);
    if (type == INET_DIAG_INFO) {  // with the fields of Linux 4.19
      const auto info = read_as<tcp_info>(bytes, size);
      facts.sent = info.tcpi_bytes_sent - info.tcpi_bytes_retrans + info.tcpi_notsent_bytes;
      facts.received = info.tcpi_bytes_received;
    }
  });
  return facts;
}

Result<bool> has_unread_pending(std::string_view listener) noexcept {
  alignas(8) char answer[kAnswer];
  inet_diag_req_v2 request{};
  std::memcpy(&request.sdiag_family, listener.data(), 1);
  request.sdiag_protocol = IPPROTO_TCP;
  request.idiag_states = 1u << kEstablished | 1u << kCloseWait;
  put_address(listener, request.id.idiag_src, request.id.idiag_sport);  // of these a list is made by the port alone
  const OwnedFd link(sys::call(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  long got = link.ok() ? send_question(link.get(), request, NLM_F_DUMP) : link.get();
  for (bool found = false; got >= 0;) {
    got = receive_answer(link.get(), answer);
    for (long at = 0; at + NLMSG_HDRLEN <= got;) {
      const auto header = read_as<nlmsghdr>(answer + at, sizeof(nlmsghdr));
      if (header.nlmsg_type == NLMSG_DONE) return found;
      if (header.nlmsg_type == NLMSG_ERROR) return system_error("ask the kernel about TCP connections", read_as<nlmsgerr>(answer + at + NLMSG_HDRLEN, sizeof(nlmsgerr)).error);
      if (header.nlmsg_len < NLMSG_HDRLEN) return system_error("ask the kernel about TCP connections", -EPROTO);
      const auto one = read_as<inet_diag_msg>(answer + at + NLMSG_HDRLEN, sizeof(inet_diag_msg));
      found = found || (one.idiag_inode == 0 && one.idiag_rqueue > (one.idiag_state == kCloseWait ? 1u : 0u) && one.id.idiag_sport == request.id.idiag_sport);
      at += NLMSG_ALIGN(header.nlmsg_len);
    }
  }
  return system_error("ask the kernel about TCP connections", got);
}

}  // namespace stasis::hijack
