// Ports of our own: outside of the kernel's range, never one that somebody has, for both families.
// World: programs.
#include "core/own_port.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <set>
#include <vector>

namespace {

using namespace stasis;

struct Range {
  unsigned low = 0, high = 0;
  Range() { std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> low >> high; }
};

sockaddr_in6 name_of(int fd) {
  sockaddr_in6 name{};
  socklen_t size = sizeof name;
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size), 0);
  return name;
}

class OwnPort : public ::testing::TestWithParam<int> {
 protected:
  ~OwnPort() override {
    for (const int fd : sockets_) ::close(fd);
  }
  // -1: a kernel without the family.
  int make(int type = SOCK_STREAM) {
    const int fd = ::socket(GetParam(), type | SOCK_CLOEXEC, 0);
    if (fd >= 0) sockets_.push_back(fd);
    return fd;
  }
  std::vector<int> sockets_;
};

TEST_P(OwnPort, IsOutsideOfTheKernelsRangeAndNobodyElses) {
  const Range range;
  ASSERT_NE(range.high, 0u);
  if (range.low <= 1024 && range.high == 65535) GTEST_SKIP() << "the kernel's range is all";
  std::set<unsigned> ports;
  for (int i = 0; i != 300; ++i) {
    const int fd = make(i % 2 == 0 ? SOCK_STREAM : SOCK_DGRAM), on = 1;
    if (fd < 0) GTEST_SKIP() << "no such family";
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);  // would let two have one port
    ASSERT_TRUE(bind_to_own_port(fd).ok());
    const unsigned port = ntohs(name_of(fd).sin6_port);
    EXPECT_TRUE(port < range.low || port > range.high) << port;
    EXPECT_GE(port, 1024u);
    if (i % 2 != 0) continue;
    EXPECT_TRUE(ports.insert(port).second) << port;
    EXPECT_EQ(::listen(fd, 1), 0);
  }
}

TEST_P(OwnPort, KeepsTheAddressThatIsAsked) {
  const int fd = make();
  if (fd < 0) GTEST_SKIP() << "no such family";
  sockaddr_in four{AF_INET, htons(1), {htonl(INADDR_LOOPBACK)}, {}};
  sockaddr_in6 six{AF_INET6, htons(1), 0, IN6ADDR_LOOPBACK_INIT, 0};
  const std::string_view address = GetParam() == AF_INET ? std::string_view(reinterpret_cast<const char*>(&four), sizeof four) : std::string_view(reinterpret_cast<const char*>(&six), sizeof six);
  const Status bound = bind_to_own_port(fd, address);
  if (!bound.ok() && bound.error().sys_errno == EADDRNOTAVAIL) GTEST_SKIP() << "no such loopback address";
  ASSERT_TRUE(bound.ok());
  const sockaddr_in6 name = name_of(fd);
  if (GetParam() == AF_INET) EXPECT_EQ(reinterpret_cast<const sockaddr_in&>(name).sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  else EXPECT_TRUE(IN6_IS_ADDR_LOOPBACK(&name.sin6_addr));
}

TEST_P(OwnPort, SaysWhatTheSystemSays) {
  const Status bound = bind_to_own_port(-1);
  ASSERT_FALSE(bound.ok());
  EXPECT_EQ(bound.error().sys_errno, EBADF);
}

INSTANTIATE_TEST_SUITE_P(Families, OwnPort, ::testing::Values(AF_INET, AF_INET6));

}  // namespace
