// UDP sockets and the datagrams that wait in them.
//
// A datagram is sent again by the socket that sent it if that is in the computation, else by a stand-in with the sender's address. One from another
// machine cannot be sent again and is lost, as the network may lose any.
// World: programs, the first process of the new namespace.
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <map>

#include "core/own_port.hpp"
#include "restart_wrapper/kinds/inet_address.hpp"
#include "restart_wrapper/kinds/sockets.hpp"

namespace stasis::restart {
namespace {

void allow_again(int fd) {
  const int yes = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
}

// Not connected yet: a connected socket takes datagrams of its peer only.
Status make_bound(Socket& socket) {
  STASIS_TRY_VALUE(socket.fd, new_socket(socket));
  InetAddress name = InetAddress::from(socket.state.name);
  if (name.port == 0) return {};
  Status status = bind_to(socket.fd.get(), socket.state.name);
  if (!status.ok() && status.error().sys_errno == EADDRNOTAVAIL) status = bind_to(socket.fd.get(), name.loopback().bytes(socket.state.domain));
  if (!status.ok() && status.error().sys_errno == EADDRINUSE && socket.state.phase == image::SocketPhase::connected) {
    status = bind_to_own_port(socket.fd.get(), name.bytes(socket.state.domain));
  }
  return status;
}

Status fill(const Socket& socket, const std::map<InetAddress, const Socket*>& by_name) {
  const InetAddress name = InetAddress::from(socket.state.name);
  for (const SocketMessage& message : socket.messages) {
    const InetAddress sender = InetAddress::from(message.sender);
    const InetAddress to = name.is_any() ? InetAddress::this_machine(sender.is_four(), name.port) : name;
    const auto known = by_name.find(sender);
    int family = sender.is_four() ? AF_INET : AF_INET6, out = -1;
    UniqueFd stand_in;
    if (known != by_name.end()) {
      out = known->second->fd.get(), family = known->second->state.domain;
    } else {
      stand_in.reset(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      if (!stand_in) return system_error("make a socket", -errno);
      allow_again(stand_in.get());
      if (!bind_to(stand_in.get(), sender.bytes(family)).ok()) continue;
      out = stand_in.get();
    }
    const std::string address = to.bytes(family);
    ssize_t put;
    do put = ::sendto(out, message.bytes.data(), message.bytes.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(address.data()), static_cast<socklen_t>(address.size()));
    while (put < 0 && errno == EINTR);
    if (put < 0) return system_error("send a datagram to " + describe_address(address), -errno);
  }
  return {};
}

}  // namespace

Status make_udp_sockets(std::vector<Socket>& all) {
  std::vector<Socket*> sockets;
  std::map<InetAddress, const Socket*> by_name;
  for (Socket& socket : all)
    if (socket.state.protocol == IPPROTO_UDP && socket.state.domain != AF_UNIX) sockets.push_back(&socket);
  for (Socket* socket : sockets) {
    STASIS_TRY(make_bound(*socket));
    InetAddress name = InetAddress::from(socket->state.name);
    if (name.port == 0) continue;
    by_name.try_emplace(name, socket);
    // Bound to all addresses, it sends to a receiver on this machine from the receiver's own.
    if (!name.is_any()) continue;
    for (const bool four : {false, true}) by_name.try_emplace(InetAddress::this_machine(four, name.port), socket);
  }
  for (const Socket* socket : sockets) STASIS_TRY(fill(*socket, by_name));
  for (const Socket* socket : sockets)
    if (socket->state.phase == image::SocketPhase::connected) STASIS_TRY(connect_to(socket->fd.get(), socket->state.peer_name));
  return {};
}

}  // namespace stasis::restart
