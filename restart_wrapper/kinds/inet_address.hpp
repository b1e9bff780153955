// Internet addresses of sockets, of both families alike: an IPv4 address counts as the IPv6 address that maps it.
//
// World: programs.
#pragma once
#include <netinet/in.h>

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace stasis::restart {

struct InetAddress {
  std::array<std::uint8_t, 16> host{};
  std::uint16_t port = 0;  // network order
  std::uint32_t scope = 0;
  auto operator<=>(const InetAddress&) const = default;

  // From the bytes of a sockaddr_in or sockaddr_in6.
  static InetAddress from(std::string_view bytes) {
    InetAddress address;
    sa_family_t family = AF_UNSPEC;
    if (bytes.size() >= sizeof family) std::memcpy(&family, bytes.data(), sizeof family);
    if (family == AF_INET6 && bytes.size() >= sizeof(sockaddr_in6)) {
      sockaddr_in6 six;
      std::memcpy(&six, bytes.data(), sizeof six);
      std::memcpy(address.host.data(), &six.sin6_addr, 16);
      address.port = six.sin6_port, address.scope = six.sin6_scope_id;
    } else if (family == AF_INET && bytes.size() >= sizeof(sockaddr_in)) {
      sockaddr_in four;
      std::memcpy(&four, bytes.data(), sizeof four);
      address.host[10] = address.host[11] = 0xff;
      std::memcpy(address.host.data() + 12, &four.sin_addr, 4);
      address.port = four.sin_port;
    }
    return address;
  }
  bool is_four() const {
    static constexpr std::uint8_t kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return std::memcmp(host.data(), kPrefix, sizeof kPrefix) == 0;
  }
  bool is_any() const {
    for (std::size_t i = is_four() ? 12 : 0; i != host.size(); ++i)
      if (host[i] != 0) return false;
    return true;
  }
  static InetAddress this_machine(bool four, std::uint16_t port) {
    InetAddress address;
    address.port = port;
    if (four) address.host = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1};
    else address.host[15] = 1;
    return address;
  }
  // Instead of an address that this machine has not.
  InetAddress loopback() const { return this_machine(is_four(), port); }
  // As a socket of `family` takes it.
  std::string bytes(int family) const {
    if (family == AF_INET) {
      sockaddr_in four{};
      four.sin_family = AF_INET, four.sin_port = port;
      std::memcpy(&four.sin_addr, host.data() + 12, 4);
      return {reinterpret_cast<const char*>(&four), sizeof four};
    }
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6, six.sin6_port = port, six.sin6_scope_id = scope;
    std::memcpy(&six.sin6_addr, host.data(), 16);
    return {reinterpret_cast<const char*>(&six), sizeof six};
  }
};

}  // namespace stasis::restart
