// TCP: connections within the computation between their old addresses, listeners, and ends whose other side is outside.
//
// Both ends of a connection know its two addresses, by which they find each other. They are connected over this machine's own network; whichever calls,
// the result is the same. The port of a connection that was just killed is still kept by the kernel at the side that closed first (TIME_WAIT, tcp(7)): a call
// from that side is refused for a while, one from the other side is not.
//
// An address that this machine has not (the job comes back on another) is replaced by the loopback address, a port that another program has taken by a free one.
// World: programs, the first process of the new namespace.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include "core/own_port.hpp"
#include "restart_wrapper/kinds/inet_address.hpp"
#include "restart_wrapper/kinds/sockets.hpp"
#include "restart_wrapper/meeting.hpp"

namespace stasis::restart {
namespace {

using image::SocketPhase;

// Longer than any connection over the loopback network takes; only a machine that does not work reaches it.
constexpr int kLimitMs = 20'000, kStepMs = 1;
constexpr int kReuseMs = 2500, kReuseStepMs = 50;

void set(int fd, int level, int option, int value) { ::setsockopt(fd, level, option, &value, sizeof value); }

constexpr int kLocalPortRange = 51;  // IP_LOCAL_PORT_RANGE, Linux 6.3

// A port from which another program has a connection cannot be bound, but may be called from: connect(2) looks at both addresses. It chooses among one port only.
bool leave_port_to_connect(int fd, int family, const InetAddress& address) {
  InetAddress any_port = address;
  any_port.port = 0;
  const auto port = static_cast<std::uint32_t>(ntohs(address.port));
  const std::uint32_t range = port << 16 | port;
  set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  return ::setsockopt(fd, IPPROTO_IP, kLocalPortRange, &range, sizeof range) == 0 && bind_to(fd, any_port.bytes(family)).ok();
}

// Binds to `address`; if that cannot be, to the next best. Returns the address that it has. `calls`: it will call connect(2).
Result<InetAddress> bind_near(int fd, int family, const InetAddress& address, bool calls) {
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  Status status = bind_to(fd, address.bytes(family));
  if (!status.ok() && status.error().sys_errno == EADDRNOTAVAIL) status = bind_to(fd, address.loopback().bytes(family));
  if (!status.ok() && status.error().sys_errno == EADDRINUSE && calls && leave_port_to_connect(fd, family, address)) return address;
  if (!status.ok()) {
    STASIS_TRY(bind_to_own_port(fd, address.loopback().bytes(family)));
  }
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return system_error("getsockname", -errno);
  return InetAddress::from({reinterpret_cast<const char*>(&bound), size});
}

Result<InetAddress> peer_of(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return system_error("getpeername", -errno);
  return InetAddress::from({reinterpret_cast<const char*>(&peer), size});
}

// The family of a stand-in that can talk to `address`.
int family_for(const InetAddress& address) { return address.is_four() ? AF_INET : AF_INET6; }

struct End {
  int family;
  InetAddress name;
  UniqueFd fd;  // set: this socket calls
};

// Connects: `caller` calls `called`, which then has its socket. Strangers who call at that moment are turned away.
Status call(End& caller, End& called) {
  UniqueFd listener(::socket(called.family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener) return system_error("make a socket", -errno);
  if (called.family == AF_INET6) set(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  STASIS_TRY_VALUE(InetAddress target, bind_near(listener.get(), called.family, called.name, false));
  if (::listen(listener.get(), 8) != 0) return system_error("listen", -errno);
  STASIS_TRY_VALUE(const InetAddress own, bind_near(caller.fd.get(), caller.family, caller.name, true));
  STASIS_TRY(connect_to(caller.fd.get(), target.bytes(caller.family)));
  for (;;) {
    UniqueFd accepted(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!accepted && errno == EINTR) continue;
    if (!accepted) return system_error("accept", -errno);
    const Result<InetAddress> peer = peer_of(accepted.get());
    if (!peer || peer->port != own.port) continue;
    called.fd = std::move(accepted);
    return {};
  }
}

std::size_t size_of(const std::vector<SocketMessage>& messages) {
  std::size_t size = 0;
  for (const SocketMessage& message : messages) size += message.bytes.size();
  return size;
}

}  // namespace

Status send_queue(int out, const std::vector<SocketMessage>& messages) {
  for (const SocketMessage& message : messages) {
    for (std::string_view rest = message.bytes; !rest.empty();) {
      const ssize_t put = ::send(out, rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT | (message.urgent ? MSG_OOB : 0));
      if (put < 0 && errno == EAGAIN) {
        pollfd events{out, POLLOUT, 0};
        if (::poll(&events, 1, kLimitMs) > 0) continue;
        return error(ErrorCode::restore_failed, "the queue of a TCP connection does not fit into a new one");
      }
      if (put < 0 && errno != EINTR) return system_error("fill the queue of a TCP connection", -errno);
      if (put > 0) rest.remove_prefix(static_cast<std::size_t>(put));
    }
  }
  return {};
}

void widen_for(int fd, const std::vector<SocketMessage>& messages) {
  if (!messages.empty()) set(fd, SOL_SOCKET, SO_RCVLOWAT, static_cast<int>(size_of(messages)));
}

// poll(2) tells of data when there is as much as SO_RCVLOWAT says, but also, as of any, while the window that the sender has been told of has no room for a segment (tcp_epollin_ready() of
// net/ipv4/tcp.c); urgent data stops short of it.
Status await_queue(int fd, const std::vector<SocketMessage>& messages) {
  if (messages.empty()) return {};
  widen_for(fd, messages);
  bool urgent = false;
  for (const SocketMessage& message : messages) urgent |= message.urgent;
  const auto limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(kLimitMs);
  bool is_there = false;
  for (int left = kLimitMs; !is_there && left > 0;) {
    pollfd events{fd, static_cast<short>(urgent ? POLLPRI : POLLIN), 0};
    int bytes = 0;
    const int ready = ::poll(&events, 1, left);
    is_there = ready > 0 && (urgent || (::ioctl(fd, FIONREAD, &bytes) == 0 && static_cast<std::size_t>(bytes) >= size_of(messages)));
    if (!is_there) ::poll(nullptr, 0, kStepMs);  // that the window is open again is no event
    left = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(limit - std::chrono::steady_clock::now()).count());
  }
  set(fd, SOL_SOCKET, SO_RCVLOWAT, 1);
  if (is_there) return {};
  return error(ErrorCode::restore_failed, "only a part of " + std::to_string(size_of(messages)) + " bytes came over a new connection");
}

Status connect_to_nobody(int fd, int family, const std::vector<SocketMessage>& messages) {
  const InetAddress loopback = InetAddress::this_machine(family == AF_INET, 0);
  UniqueFd listener(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener) return system_error("make a socket", -errno);
  STASIS_TRY(bind_to_own_port(listener.get(), loopback.bytes(family)));
  if (::listen(listener.get(), 1) != 0) return system_error("listen", -errno);
  InetAddress target = loopback;
  target.port = htons(port_of(listener.get()));
  if (const Status connected = connect_to(fd, target.bytes(family)); !connected.ok() && connected.error().sys_errno != EINPROGRESS) return connected;
  const UniqueFd nobody(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!nobody) return system_error("accept", -errno);
  STASIS_TRY(send_queue(nobody.get(), messages));
  return await_queue(fd, messages);
}

std::uint16_t port_of(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  return ntohs(InetAddress::from({reinterpret_cast<const char*>(&bound), size}).port);
}

namespace {

class TcpSockets {
 public:
  TcpSockets(Workshop& workshop, std::vector<Socket>& all) : workshop_(workshop) {
    for (Socket& socket : all) {
      if (socket.state.protocol != IPPROTO_TCP) continue;
      sockets_.push_back(&socket);
      if (socket.state.phase == SocketPhase::connected && !socket.state.peer_name.empty()) by_names_[{name_of(socket), peer_name_of(socket)}] = &socket;
    }
  }

  Status make() {
    for (Socket* socket : sockets_) {
      const auto other = by_names_.find({peer_name_of(*socket), name_of(*socket)});
      if (socket->state.phase == SocketPhase::connected && other != by_names_.end() && other->second != socket) socket->peer = other->second;
    }
    for (Socket* socket : sockets_)
      if (!socket->fd && !is_elsewhere(*socket) && ((socket->state.phase == SocketPhase::connected && !waits(*socket)) || socket->state.phase == SocketPhase::ended)) STASIS_TRY(connect(*socket));
    for (Socket* socket : sockets_)
      if (!socket->fd && socket->state.phase != SocketPhase::connected) STASIS_TRY(make_unconnected(*socket));
    for (Socket* socket : sockets_)
      if (!socket->fd && waits(*socket)) STASIS_TRY(call_listener(*socket));
    if (workshop_.meeting != nullptr) STASIS_TRY(meet(*workshop_.meeting));
    for (Socket* socket : sockets_) {
      if (socket->has_met || socket->calls) continue;
      const int out = socket->peer != nullptr ? socket->peer->fd.get() : socket->stand_in.get();
      if (!socket->messages.empty()) STASIS_TRY(fill(*socket, out));
    }
    for (Socket* socket : sockets_) end(*socket);
    return {};
  }

 private:
  static InetAddress name_of(const Socket& socket) { return InetAddress::from(socket.state.name); }
  static InetAddress peer_name_of(const Socket& socket) { return InetAddress::from(socket.state.peer_name); }

  // Whether its other end may be in another part of the computation.
  bool is_elsewhere(const Socket& socket) const {
    return workshop_.meeting != nullptr && socket.state.phase == SocketPhase::connected && socket.peer == nullptr && !waits(socket) && workshop_.meeting->concerns(socket);
  }

  Status meet(Meeting& meeting) {
    std::vector<Socket*> ends, listeners;
    for (Socket* socket : sockets_) {
      if (socket->fd && socket->state.phase == SocketPhase::listening) listeners.push_back(socket);
      if (socket->fd) continue;
      if (meeting.may_be_asked_for(*socket)) ends.push_back(socket);
      else STASIS_TRY(let_call(meeting, *socket));
    }
    STASIS_TRY(meeting.receive(ends, listeners));
    for (Socket* socket : ends) {
      if (socket->fd) continue;
      if (meeting.may_call(*socket)) {
        STASIS_TRY(let_call(meeting, *socket));
        continue;
      }
      STASIS_TRY_VALUE(socket->fd, meeting.call_earlier_listener(*socket));
      socket->has_met = static_cast<bool>(socket->fd);
      if (!socket->fd) STASIS_TRY(connect(*socket));
    }
    return {};
  }

  Status let_call(Meeting& meeting, Socket& socket) {
    STASIS_TRY_VALUE(socket.fd, new_socket(socket));
    socket.calls = true;
    return meeting.keep(socket, *workshop_.numbers);
  }

  // Whether it is to be accepted by a listener of the computation.
  bool waits(const Socket& socket) const { return socket.state.unaccepted && listener_for(socket) != nullptr; }
  const Socket* listener_for(const Socket& socket) const {
    const InetAddress target = peer_name_of(socket);
    for (const Socket* one : sockets_) {
      const InetAddress name = name_of(*one);
      if (one->state.phase == SocketPhase::listening && name.port == target.port && (name.host == target.host || name.is_any())) return one;
    }
    return nullptr;
  }

  Status connect(Socket& socket) {
    Socket* peer = socket.peer;
    InetAddress there = peer_name_of(socket), here = name_of(socket);
    if (socket.state.phase == SocketPhase::ended) there = here.loopback(), there.port = 0;
    Status status;
    for (const bool turned : {false, true}) {
      End own{socket.state.domain, here, {}};
      End other{peer != nullptr ? peer->state.domain : family_for(there), there, {}};
      if (turned) {
        if (peer != nullptr) {
          STASIS_TRY_VALUE(other.fd, new_socket(*peer));
        } else {
          other.fd.reset(::socket(other.family, SOCK_STREAM | SOCK_CLOEXEC, 0));
        }
        status = call(other, own);
      } else {
        STASIS_TRY_VALUE(own.fd, new_socket(socket));
        status = call(own, other);
      }
      if (!status.ok()) continue;
      socket.fd = std::move(own.fd);
      (peer != nullptr ? peer->fd : socket.stand_in) = std::move(other.fd);
      return {};
    }
    return status.error().with("connect " + describe_address(socket.state.name) + " and " + describe_address(socket.state.peer_name));
  }

  Status make_unconnected(Socket& socket) {
    STASIS_TRY_VALUE(socket.fd, new_socket(socket));
    const InetAddress name = name_of(socket);
    if (name.port != 0) {
      set(socket.fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
      Status status = bind_to(socket.fd.get(), socket.state.name);
      // A listener for one address of a machine that is another now listens at all of this one's.
      if (!status.ok() && status.error().sys_errno == EADDRNOTAVAIL) {
        InetAddress any = name;
        if (name.is_four()) any.host[12] = any.host[13] = any.host[14] = any.host[15] = 0;
        else any.host.fill(0);
        any.scope = 0;
        status = bind_to(socket.fd.get(), any.bytes(socket.state.domain));
      }
      STASIS_TRY(std::move(status));
    }
    if (socket.state.phase == SocketPhase::listening && ::listen(socket.fd.get(), socket.state.backlog) != 0) return system_error("listen at " + describe_address(socket.state.name), -errno);
    if (socket.state.phase == SocketPhase::connecting && !socket.state.peer_name.empty()) {
      ::fcntl(socket.fd.get(), F_SETFL, O_NONBLOCK);
      static_cast<void>(connect_to(socket.fd.get(), socket.state.peer_name));
    }
    return {};
  }

  Status call_listener(Socket& socket) {
    STASIS_TRY_VALUE(socket.fd, new_socket(socket));
    STASIS_TRY_VALUE(const InetAddress own, bind_near(socket.fd.get(), socket.state.domain, name_of(socket), true));
    static_cast<void>(own);
    InetAddress target = peer_name_of(socket);
    Status status = connect_to(socket.fd.get(), target.bytes(socket.state.domain));
    // A connection between the same addresses that has ended a moment ago may be followed by another when it is a second old (tcp_tw_reuse, ip-sysctl.rst).
    for (int waited = 0; !status.ok() && status.error().sys_errno == EADDRNOTAVAIL && waited < kReuseMs; waited += kReuseStepMs) {
      ::poll(nullptr, 0, kReuseStepMs);
      status = connect_to(socket.fd.get(), target.bytes(socket.state.domain));
    }
    if (status.ok()) return {};
    STASIS_TRY_VALUE(socket.fd, new_socket(socket));  // from any port, then
    STASIS_TRY(bind_to_own_port(socket.fd.get()));
    return connect_to(socket.fd.get(), target.bytes(socket.state.domain)).ok() ? Status() : connect_to(socket.fd.get(), target.loopback().bytes(socket.state.domain));
  }

  // The receiver's buffer is made wide enough first, as at the checkpoint.
  static Status fill(Socket& socket, int out) {
    widen_for(socket.fd.get(), socket.messages);
    ::fcntl(out, F_SETFL, O_NONBLOCK);
    STASIS_TRY(send_queue(out, socket.messages));
    return await_queue(socket.fd.get(), socket.messages);
  }

  // What the other side had done to the connection by the time of the checkpoint.
  static void end(Socket& socket) {
    if (!socket.stand_in) return;
    if (socket.state.phase == SocketPhase::ended && !socket.state.failed) ::shutdown(socket.fd.get(), SHUT_WR);
    if (!socket.state.failed) return;
    const linger at_once{1, 0};
    ::setsockopt(socket.stand_in.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }

  Workshop& workshop_;
  std::vector<Socket*> sockets_;
  std::map<std::pair<InetAddress, InetAddress>, Socket*> by_names_;
};

}  // namespace

Status make_tcp_sockets(Workshop& workshop, std::vector<Socket>& all) { return TcpSockets(workshop, all).make(); }

namespace {

// Whether only connections that have ended hold the port: those that a program has closed itself while others called it, which the kernel remembers for a minute (TIME_WAIT, tcp(7)).
// Listed as in proc_pid_net(5): local address, remote address, state.
bool is_held_by_ended(std::uint16_t port) {
  constexpr unsigned kEstablished = 1, kSynSent = 2, kSynReceived = 3, kListen = 10;  // of net/tcp_states.h
  bool found = false;
  for (const char* list : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream file(list);
    std::string line;
    std::getline(file, line);  // the titles
    while (std::getline(file, line)) {
      std::istringstream words(line);
      std::string number, local, remote, state;
      words >> number >> local >> remote >> state;
      const std::size_t colon = local.find(':');
      if (colon == std::string::npos || std::stoul(local.substr(colon + 1), nullptr, 16) != port) continue;
      const unsigned long now = std::stoul(state, nullptr, 16);
      if (now == kEstablished || now == kSynSent || now == kSynReceived || now == kListen) return false;
      found = true;
    }
  }
  return found;
}

Result<UniqueFd> bind_probe(const image::SocketState& socket) {
  UniqueFd probe(::socket(socket.domain, socket.type | SOCK_CLOEXEC, 0));
  if (!probe) return system_error("make a socket", -errno);
  socket.options.for_each([&](const image::SocketOption& option) {
    const bool matters = (option.level == IPPROTO_IPV6 && option.name == IPV6_V6ONLY) || (option.level == SOL_SOCKET && (option.name == SO_REUSEPORT || option.name == SO_REUSEADDR));
    if (matters) ::setsockopt(probe.get(), option.level, option.name, option.value.data(), static_cast<socklen_t>(option.value.size()));
  });
  if (socket.protocol == IPPROTO_TCP) set(probe.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  STASIS_TRY(bind_to(probe.get(), socket.name));
  return probe;
}

constexpr int kTimeWaitMs = 65'000, kTimeWaitStepMs = 100, kTellMs = 1000;

}  // namespace

// Only what others call must have its old address: listeners and sockets that take datagrams.
Status check_inet_address(const image::SocketState& socket) {
  const InetAddress name = InetAddress::from(socket.name);
  if (socket.domain == AF_NETLINK || name.port == 0) return {};
  if (socket.protocol == IPPROTO_TCP ? socket.phase != SocketPhase::listening : socket.phase == SocketPhase::connected) return {};
  Result<UniqueFd> probe = bind_probe(socket);
  bool was_held_by_ended = false;
  for (int waited = 0; !probe.ok() && probe.error().sys_errno == EADDRINUSE && socket.protocol == IPPROTO_TCP && waited < kTimeWaitMs; waited += kTimeWaitStepMs) {
    // The kernel takes an ended connection off its list, and frees the port a moment after: not to see one any more means to look once more.
    const bool is_held = is_held_by_ended(ntohs(name.port));
    if (!is_held && !was_held_by_ended) break;
    was_held_by_ended = is_held;
    if (waited == kTellMs)
      std::fprintf(stderr, "stasis restart: waiting, a minute at most, for the address %s: the kernel keeps it for connections that have ended\n", describe_address(socket.name).c_str());
    ::poll(nullptr, 0, kTimeWaitStepMs);  // the end of that is no event
    probe = bind_probe(socket);
  }
  if (probe.ok()) {
    if (socket.protocol == IPPROTO_TCP && ::listen(probe->get(), 1) != 0 && errno == EADDRINUSE)
      return error(ErrorCode::restore_failed, "the address " + describe_address(socket.name) + ", at which the program listens, is in use");
    return {};
  }
  if (probe.error().sys_errno == EADDRNOTAVAIL) return {};
  if (probe.error().sys_errno != EADDRINUSE) return probe.error();
  return error(ErrorCode::restore_failed, "the address " + describe_address(socket.name) + ", at which the program can be reached, is in use by another program");
}

}  // namespace stasis::restart
