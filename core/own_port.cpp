// See own_port.hpp.
// World: programs.
#include "core/own_port.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <random>

namespace stasis {
namespace {

constexpr unsigned kFirst = 1024, kEnd = 65536;
constexpr unsigned kEnough = 1024;
constexpr int kAttempts = 64;

// From first to before end.
struct Ports {
  unsigned first, end;
  unsigned count() const { return end > first ? end - first : 0; }
};

// Those above the kernel's, where they are enough: below it services have theirs.
Ports own_ports() {
  unsigned low = 0, high = 0;
  if (!(std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> low >> high) || low > high || high >= kEnd) return {0, 0};
  const Ports above{std::max(high + 1, kFirst), kEnd}, below{kFirst, low};
  return above.count() >= kEnough ? above : below;
}

// 0 or an errno. Both families have the port in the same place.
int bind_at(int fd, sockaddr_storage& address, unsigned port) {
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  reinterpret_cast<sockaddr_in*>(&address)->sin_port = htons(static_cast<std::uint16_t>(port));
  const socklen_t size = address.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0 ? 0 : errno;
}

}  // namespace

Status bind_to_own_port(int fd, std::string_view address) {
  sockaddr_storage where{};
  int family = AF_UNSPEC, off = 0;
  socklen_t size = sizeof family;
  if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) != 0) return system_error("bind a socket", -errno);
  where.ss_family = static_cast<sa_family_t>(family);
  std::memcpy(&where, address.data(), std::min(address.size(), sizeof where));
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off);
  if (const Ports ports = own_ports(); ports.count() != 0) {
    std::random_device random;
    std::uniform_int_distribution<unsigned> choice(ports.first, ports.end - 1);
    for (int i = 0; i != kAttempts; ++i) {
      const int failed = bind_at(fd, where, choice(random));
      if (failed == 0) return {};
      if (failed != EADDRINUSE && failed != EACCES) return system_error("bind a socket", -failed);
    }
  }
  const int failed = bind_at(fd, where, 0);
  return failed == 0 ? Status() : Status(system_error("bind a socket", -failed));
}

}  // namespace stasis
