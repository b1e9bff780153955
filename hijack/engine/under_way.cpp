// See under_way.hpp.
//
// Whether the other end is on this node the kernel's diagnosis tells; then it is read from there (kinds/socket.cpp).
// World: hijack, leader.
#include "hijack/engine/under_way.hpp"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "hijack/engine/settings.hpp"
#include "hijack/kinds/socket_diag.hpp"
#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"

namespace stasis::hijack {
namespace {

// A sender whose other side had no room tries again by itself, at first after a fifth of a second, then ever more seldom.
constexpr std::uint64_t kPatienceNs = 6'000'000'000;
constexpr int kStepMs = 1;

int number_option(int fd, int level, int name) noexcept {
  int value = -1;
  socklen_t size = sizeof value;
  return sys::call(SYS_getsockopt, fd, level, name, &value, &size) < 0 ? -1 : value;
}

int bytes_of(int fd, unsigned long request) noexcept {
  int bytes = 0;
  return sys::call(SYS_ioctl, fd, request, &bytes) < 0 ? 0 : bytes;
}

bool can_carry(int fd) noexcept {
  if (number_option(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_TCP) return false;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (sys::call(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) return false;
  return info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT || info.tcpi_state == TCP_FIN_WAIT1 || info.tcpi_state == TCP_FIN_WAIT2 || info.tcpi_state == TCP_CLOSING ||
         info.tcpi_state == TCP_LAST_ACK;
}

// SO_RCVLOWAT widens the buffer so far that as much fits in, up to half of the largest of net.ipv4.tcp_rmem (tcp_set_rcvlowat of net/ipv4/tcp.c).
void widen_if_full(int fd) noexcept {
  const int unread = bytes_of(fd, FIONREAD), room = number_option(fd, SOL_SOCKET, SO_RCVBUF);
  if (unread < room / 4) return;
  const int old = number_option(fd, SOL_SOCKET, SO_RCVLOWAT), all = INT_MAX;
  sys::call(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, &all, sizeof all);
  sys::call(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, &old, sizeof old);
}

// "10.0.0.2 port 80", "fd00:0:0:0:0:0:0:2 port 80"
FixedString<80> describe(std::string_view address) noexcept {
  FixedString<80> text;
  std::uint16_t port = 0;
  std::memcpy(&port, address.data() + offsetof(sockaddr_in, sin_port), sizeof port);  // in both families at the same place
  const bool is_six = address.size() >= sizeof(sockaddr_in6);
  const auto* const number = reinterpret_cast<const unsigned char*>(address.data()) + (is_six ? offsetof(sockaddr_in6, sin6_addr) : offsetof(sockaddr_in, sin_addr));
  for (std::size_t i = 0; i != (is_six ? 8u : 4u); ++i) {
    if (i != 0) text.append(is_six ? ":" : ".");
    if (is_six) text.append_number(static_cast<unsigned>(number[2 * i]) << 8 | number[2 * i + 1], 16);
    else text.append_number(static_cast<unsigned>(number[i]));
  }
  return text.append(" port ").append_number(static_cast<unsigned>(port >> 8 | (port & 0xff) << 8));
}

}  // namespace

Status let_bytes_arrive(Arena& arena) noexcept {
  if (!settings.slurm) return {};
  List<int> remote(arena);
  const OwnedFd directory = open_file("/proc/thread-self/fd", O_RDONLY | O_DIRECTORY);
  if (!directory.ok()) return system_error("open /proc/thread-self/fd", directory.get());
  STASIS_TRY(for_each_entry(directory.get(), [&](std::string_view name) -> Status {
    const auto fd = static_cast<int>(Text(name).number());
    if (!can_carry(fd)) return {};
    STASIS_TRY_VALUE(const ConnectionNames names, names_of_connection(fd, arena));
    if (names.peer.empty()) return {};
    STASIS_TRY_VALUE(const TcpFacts other, ask_tcp(names.peer, names.own));
    if (other.found) return {};
    widen_if_full(fd);
    return remote.add(fd) ? Status() : Status(out_of_arena());
  }));
  const std::uint64_t limit = clock_ns(CLOCK_MONOTONIC) + kPatienceNs;
  for (const int fd : remote) {
    while (bytes_of(fd, TIOCOUTQ) > 0) {
      if (clock_ns(CLOCK_MONOTONIC) < limit) {
        sys::call(SYS_poll, nullptr, 0, kStepMs);  // an acknowledgement is no event
        continue;
      }
      STASIS_TRY_VALUE(const ConnectionNames names, names_of_connection(fd, arena));
      return error(ErrorCode::unsupported, FixedString<160>("descriptor ").append_number(static_cast<unsigned>(fd)).append(": a TCP connection to ").append(describe(names.peer).view()).append(
                                               ", where what was written into it does not arrive; checkpoint again a moment later"));
    }
  }
  return {};
}

}  // namespace stasis::hijack
