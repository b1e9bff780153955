// The options of a socket, see socket_options.hpp, socket(7), ip(7), ipv6(7), tcp(7).
//
// What an option means is not looked at: what can be read is kept, and at a restart set where a new socket has another value. Left out are those
// that only an administrator sets, that tell facts and not wishes, and that are set again from other parts of the state.
// World: hijack, leader.
#include "hijack/kinds/socket_options.hpp"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "core/sys/syscall.hpp"

namespace stasis::hijack {
namespace {

constexpr int kBufferLock = 72, kPassPidfd = 76, kLocalPortRange = 51;  // SO_BUF_LOCK (Linux 5.14), SO_PASSPIDFD (6.5), IP_LOCAL_PORT_RANGE (6.3)

constexpr int kAny[] = {SO_REUSEADDR, SO_REUSEPORT, SO_KEEPALIVE, SO_BROADCAST, SO_OOBINLINE, SO_LINGER, SO_RCVLOWAT, SO_RCVTIMEO, SO_SNDTIMEO, SO_PRIORITY, SO_DONTROUTE,
                        SO_TIMESTAMP, SO_TIMESTAMPNS, SO_TIMESTAMPING, SO_NO_CHECK, SO_RXQ_OVFL, SO_WIFI_STATUS, SO_PEEK_OFF, SO_SELECT_ERR_QUEUE, SO_BUSY_POLL,
                        SO_MAX_PACING_RATE, SO_ZEROCOPY, SO_BINDTODEVICE, SO_SNDBUF, SO_RCVBUF, kBufferLock};  // setting a size locks it
constexpr int kUnix[] = {SO_PASSCRED, SO_PASSSEC, kPassPidfd};
constexpr int kTcp[] = {TCP_NODELAY, TCP_CORK, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT, TCP_LINGER2, TCP_DEFER_ACCEPT, TCP_CONGESTION,
                        TCP_THIN_LINEAR_TIMEOUTS, TCP_USER_TIMEOUT, TCP_FASTOPEN, TCP_FASTOPEN_CONNECT, TCP_NOTSENT_LOWAT, TCP_SAVE_SYN, TCP_INQ, TCP_TX_DELAY};
constexpr int kUdp[] = {UDP_CORK, UDP_SEGMENT, UDP_GRO};
constexpr int kIp[] = {IP_TOS, IP_TTL, IP_MTU_DISCOVER, IP_RECVERR, IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, IP_RECVOPTS, IP_RETOPTS, IP_MINTTL, IP_MULTICAST_TTL, IP_MULTICAST_LOOP,
                       IP_MULTICAST_IF, IP_MULTICAST_ALL, IP_FREEBIND, IP_RECVORIGDSTADDR, IP_UNICAST_IF, IP_BIND_ADDRESS_NO_PORT, IP_CHECKSUM, kLocalPortRange};
constexpr int kIpv6[] = {IPV6_V6ONLY, IPV6_UNICAST_HOPS, IPV6_MULTICAST_HOPS, IPV6_MULTICAST_LOOP, IPV6_MULTICAST_IF, IPV6_MTU_DISCOVER, IPV6_RECVERR, IPV6_RECVPKTINFO, IPV6_RECVHOPLIMIT,
                         IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_DONTFRAG, IPV6_AUTOFLOWLABEL, IPV6_RECVRTHDR, IPV6_RECVHOPOPTS, IPV6_RECVDSTOPTS, IPV6_MULTICAST_ALL, IPV6_FREEBIND};
constexpr int kNetlink[] = {NETLINK_PKTINFO, NETLINK_BROADCAST_ERROR, NETLINK_NO_ENOBUFS, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK, NETLINK_CAP_ACK};

class Options {
 public:
  Options(int fd, List<image::SocketOption>& options, Arena& arena) noexcept : fd_(fd), options_(options), arena_(arena) {}

  template <std::size_t N>
  void read(int level, const int (&names)[N]) noexcept {
    for (const int name : names) read_one(level, name);
  }
  bool full() const noexcept { return full_; }

 private:
  void read_one(int level, int name) noexcept {
    char value[64];
    socklen_t size = sizeof value;
    if (sys::call(SYS_getsockopt, fd_, level, name, value, &size) < 0) return;
    const std::string_view kept = arena_.copy({value, size});
    full_ |= kept.size() != size || !options_.add({level, name, kept});
  }
  int fd_;
  List<image::SocketOption>& options_;
  Arena& arena_;
  bool full_ = false;
};

}  // namespace

Status read_options(int fd, const image::SocketState& socket, List<image::SocketOption>& options, Arena& arena) noexcept {
  Options all(fd, options, arena);
  all.read(SOL_SOCKET, kAny);
  if (socket.domain == AF_UNIX) all.read(SOL_SOCKET, kUnix);
  if (socket.domain == AF_INET6) all.read(IPPROTO_IPV6, kIpv6);
  if (socket.domain == AF_INET || socket.domain == AF_INET6) all.read(IPPROTO_IP, kIp);
  if (socket.protocol == IPPROTO_TCP) all.read(IPPROTO_TCP, kTcp);
  if (socket.protocol == IPPROTO_UDP) all.read(IPPROTO_UDP, kUdp);
  if (socket.domain == AF_NETLINK) all.read(SOL_NETLINK, kNetlink);
  return all.full() ? Status(out_of_arena()) : Status();
}

}  // namespace stasis::hijack
