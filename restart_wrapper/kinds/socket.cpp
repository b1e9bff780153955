// Sockets: the order in which they come back, their options and what all families have.
//
// A connection is made anew between its two ends when both are in the computation; an end that is alone gets a stand-in on the other side, which is closed when
// all is done, so that it sees what it would see of a peer that has gone away. The queues are filled by sending what was in them.
// World: programs, the first process of the new namespace.
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "restart_wrapper/kinds/sockets.hpp"

namespace stasis::restart {

Result<UniqueFd> new_socket(const Socket& socket) {
  UniqueFd fd(::socket(socket.state.domain, socket.state.type | SOCK_CLOEXEC, socket.state.protocol));
  if (!fd) return system_error("make a socket", -errno);
  // Before it gets an address; the others last, for they may change what filling the queues takes.
  socket.state.options.for_each([&](const image::SocketOption& option) {
    const bool early = (option.level == SOL_SOCKET && (option.name == SO_REUSEADDR || option.name == SO_REUSEPORT)) || (option.level == IPPROTO_IPV6 && option.name == IPV6_V6ONLY) ||
                       (option.level == IPPROTO_IP && (option.name == IP_FREEBIND || option.name == IP_BIND_ADDRESS_NO_PORT));
    if (early) ::setsockopt(fd.get(), option.level, option.name, option.value.data(), static_cast<socklen_t>(option.value.size()));
  });
  return fd;
}

Status bind_to(int fd, std::string_view address) {
  if (::bind(fd, reinterpret_cast<const sockaddr*>(address.data()), static_cast<socklen_t>(address.size())) == 0) return {};
  return system_error("bind a socket to " + describe_address(address), -errno);
}

Status connect_to(int fd, std::string_view address) {
  int result;
  do result = ::connect(fd, reinterpret_cast<const sockaddr*>(address.data()), static_cast<socklen_t>(address.size()));
  while (result != 0 && errno == EINTR);
  return result == 0 ? Status() : system_error("connect a socket to " + describe_address(address), -errno);
}

std::string describe_address(std::string_view address) {
  sa_family_t family = AF_UNSPEC;
  if (address.size() >= sizeof family) std::memcpy(&family, address.data(), sizeof family);
  char text[INET6_ADDRSTRLEN] = "?";
  if (family == AF_INET && address.size() >= sizeof(sockaddr_in)) {
    sockaddr_in four;
    std::memcpy(&four, address.data(), sizeof four);
    ::inet_ntop(AF_INET, &four.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(four.sin_port));
  }
  if (family == AF_INET6 && address.size() >= sizeof(sockaddr_in6)) {
    sockaddr_in6 six;
    std::memcpy(&six, address.data(), sizeof six);
    ::inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof text);
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(six.sin6_port));
  }
  if (family != AF_UNIX || address.size() <= offsetof(sockaddr_un, sun_path)) return "nothing";
  address.remove_prefix(offsetof(sockaddr_un, sun_path));
  if (address.front() == '\0') return "@" + std::string(address.substr(1));
  return std::string(address.substr(0, address.find('\0')));
}

namespace {

Result<std::vector<Socket>> read_states(std::span<const Description* const> all) {
  std::vector<Socket> sockets;
  sockets.reserve(all.size());
  for (const Description* description : all) {
    Socket& socket = sockets.emplace_back();
    socket.description = description;
    STASIS_TRY_VALUE(socket.state, state_of<image::SocketState>(*description));
    socket.state.pending.for_each([&](const image::SocketReference& one) { socket.pending.push_back(one.id); });
    socket.state.messages.for_each([&](const image::SocketMessage& message) {
      SocketMessage& kept = socket.messages.emplace_back();
      kept.bytes.resize(message.size);
      kept.sender = message.sender, kept.credentials = message.credentials, kept.urgent = message.urgent;
      message.rights.for_each([&](const image::SocketReference& one) { kept.rights.push_back(one.id); });
    });
    if (description->content == nullptr) continue;
    std::string bytes;
    STASIS_TRY(description->content->read_content(description->record.content, [&](std::uint64_t, std::string_view part) -> Status {
      bytes += part;
      return {};
    }));
    std::size_t at = 0;
    for (SocketMessage& message : socket.messages) {
      if (bytes.size() - at < message.bytes.size()) return error(ErrorCode::image_damaged, "the queue of " + label(*description) + " is shorter than its messages");
      bytes.copy(message.bytes.data(), message.bytes.size(), at);
      at += message.bytes.size();
    }
  }
  return sockets;
}

// Buffer sizes are told twice as large as they are set (socket(7)).
std::string value_to_set(const image::SocketOption& option) {
  std::string value(option.value);
  if (option.level != SOL_SOCKET || (option.name != SO_SNDBUF && option.name != SO_RCVBUF) || value.size() != sizeof(int)) return value;
  int size;
  std::memcpy(&size, value.data(), sizeof size);
  size /= 2;
  std::memcpy(value.data(), &size, sizeof size);
  return value;
}

// One option may change another (IP_TOS the priority; a buffer's size whether it is fixed), so until all are right. What this kernel does not take stays as it is.
void set_options(const Socket& socket) {
  for (int round = 0; round != 3; ++round) {
    bool changed = false;
    socket.state.options.for_each([&](const image::SocketOption& option) {
      char value[64];
      socklen_t size = sizeof value;
      if (::getsockopt(socket.fd.get(), option.level, option.name, value, &size) == 0 && std::string_view(value, size) == option.value) return;
      const std::string wanted = value_to_set(option);
      changed |= ::setsockopt(socket.fd.get(), option.level, option.name, wanted.data(), static_cast<socklen_t>(wanted.size())) == 0;
    });
    if (!changed) return;
  }
}

void shut_directions(const Socket& socket) {
  if (socket.calls) return;  // when it has called
  if (socket.state.phase != image::SocketPhase::connected && socket.state.domain != AF_UNIX) return;
  const bool by_peer = socket.state.domain != AF_UNIX && (socket.has_met ? socket.state.peer_shut : socket.peer == nullptr || socket.peer->state.write_shut);
  if (socket.state.write_shut) ::shutdown(socket.fd.get(), SHUT_WR);
  if (socket.state.read_shut && !by_peer && (socket.peer != nullptr || socket.state.domain != AF_UNIX)) ::shutdown(socket.fd.get(), SHUT_RD);
}

Status make_netlink(Socket& socket) {
  STASIS_TRY_VALUE(socket.fd, new_socket(socket));
  sockaddr_nl name{};
  socket.state.name.copy(reinterpret_cast<char*>(&name), sizeof name);
  if (name.nl_pid != 0 && !bind_to(socket.fd.get(), socket.state.name).ok()) {
    sockaddr_nl any{};  // its number is taken: another is as good, for nobody but the kernel knows it
    any.nl_family = AF_NETLINK;
    STASIS_TRY(bind_to(socket.fd.get(), {reinterpret_cast<const char*>(&any), sizeof any}));
  }
  socket.state.groups.for_each([&](const image::SocketReference& group) {
    const int number = static_cast<int>(group.id);
    ::setsockopt(socket.fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &number, sizeof number);
  });
  return {};
}

Status recreate(Workshop& workshop, std::span<const Description* const> all) {
  STASIS_TRY_VALUE(std::vector<Socket> sockets, read_states(all));
  STASIS_TRY(make_tcp_sockets(workshop, sockets));
  STASIS_TRY(make_udp_sockets(sockets));
  for (Socket& socket : sockets)
    if (socket.state.domain == AF_NETLINK) STASIS_TRY(make_netlink(socket));
  STASIS_TRY(make_unix_sockets(workshop, sockets));  // last: any of the others may be in flight in one of them
  for (const Socket& socket : sockets) shut_directions(socket);
  for (Socket& socket : sockets) socket.stand_in.reset();
  for (Socket& socket : sockets) {
    set_options(socket);
    if (::fcntl(socket.fd.get(), F_SETFL, static_cast<int>(socket.description->record.status_flags) & (O_NONBLOCK | O_ASYNC)) != 0) return system_error("set a socket's flags", -errno);
    STASIS_TRY(workshop.put(socket.description->record.id, socket.fd.release()));
  }
  return {};
}

Status check_address(const image::SocketState& state) { return state.domain == AF_UNIX ? check_unix_address(state) : check_inet_address(state); }

// What requests in io_urings were about, the kernel closes only some time after the process that was killed has gone.
bool may_be_held_by_rings(const Computation& computation) {
  return std::ranges::any_of(computation.descriptions, [](const auto& one) { return one.second.record.kind == image::DescriptionKind::ring; });
}

constexpr int kRingsEndMs = 5000, kRingsStepMs = 10;

Status check(const Computation& computation, std::span<const Description* const> all) {
  int left = may_be_held_by_rings(computation) ? kRingsEndMs : 0;
  for (const Description* description : all) {
    STASIS_TRY_VALUE(const image::SocketState state, state_of<image::SocketState>(*description));
    Status status = check_address(state);
    for (; !status.ok() && status.error().code == ErrorCode::restore_failed && left > 0; left -= kRingsStepMs) {
      ::poll(nullptr, 0, kRingsStepMs);  // the end of that is no event
      status = check_address(state);
    }
    STASIS_TRY(std::move(status));
  }
  return {};
}

}  // namespace

const Kind kinds_detail::socket{image::DescriptionKind::socket, check, recreate};

}  // namespace stasis::restart
