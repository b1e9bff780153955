// See this_node.hpp.
// World: programs.
#include "coordinator/this_node.hpp"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace stasis::coordinator {

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

std::string node_addresses() {
  ifaddrs* all = nullptr;
  std::string text;
  if (::getifaddrs(&all) != 0) return text;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || (one->ifa_addr->sa_family != AF_INET && one->ifa_addr->sa_family != AF_INET6)) continue;
    const socklen_t length = one->ifa_addr->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    char number[NI_MAXHOST];
    if (::getnameinfo(one->ifa_addr, length, number, sizeof number, nullptr, 0, NI_NUMERICHOST) != 0) continue;
    std::string address(number);
    address.resize(std::min(address.find('%'), address.size()));  // of a link's own address the interface is not told: each node calls it by its own name
    text += (text.empty() ? "" : " ") + address;
  }
  ::freeifaddrs(all);
  return text;
}

}  // namespace stasis::coordinator
