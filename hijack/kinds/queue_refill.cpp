// Taking out and sending again, see queue_refill.hpp.
// World: hijack, leader.
#include "hijack/kinds/queue_refill.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "hijack/kinds/socket_diag.hpp"
#include "hijack/rt/file.hpp"

namespace stasis::hijack {
namespace {

constexpr int kComesMs = 10'000;  // on one machine it comes as soon as there is room

// A low-water mark of the program's would hide what is there.
class LowWaterMark {
 public:
  LowWaterMark(int fd, int value) noexcept : fd_(fd) {
    socklen_t size = sizeof old_;
    sys::call(SYS_getsockopt, fd_, SOL_SOCKET, SO_RCVLOWAT, &old_, &size);
    sys::call(SYS_setsockopt, fd_, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value);
  }
  LowWaterMark(const LowWaterMark&) = delete;
  ~LowWaterMark() { sys::call(SYS_setsockopt, fd_, SOL_SOCKET, SO_RCVLOWAT, &old_, sizeof old_); }

 private:
  int fd_, old_ = 1;
};

// Returns how many came before they stopped coming.
std::uint64_t take_out(int fd, char* bytes, std::uint64_t size) noexcept {
  const LowWaterMark lowest(fd, 1);
  std::uint64_t have = 0;
  while (have != size) {
    const long got = sys::call(SYS_recvfrom, fd, bytes + have, size - have, MSG_DONTWAIT, nullptr, nullptr);
    if (got > 0) {
      have += static_cast<std::uint64_t>(got);
      continue;
    }
    if (got == -EINTR) continue;
    pollfd events{fd, POLLIN, 0};
    if (got != -EAGAIN || sys::call(SYS_poll, &events, 1, kComesMs) <= 0) break;
  }
  return have;
}

// Whatever it takes: these bytes are the program's and nowhere else now.
void send_again(int fd, int other, const char* bytes, std::uint64_t size) noexcept {
  const LowWaterMark all(fd, size < 0x40000000 ? static_cast<int>(size) : 0x40000000);  // makes the receiver's buffer as wide as it may be
  for (std::uint64_t done = 0; done != size;) {
    const long put = sys::call(SYS_sendto, other, bytes + done, size - done, MSG_NOSIGNAL | MSG_DONTWAIT, nullptr, 0);
    if (put > 0) done += static_cast<std::uint64_t>(put);
    if (put > 0 || put == -EINTR) continue;
    if (put != -EAGAIN) return;  // the connection was cut meanwhile, which loses them anyway
    pollfd events{other, POLLOUT, 0};
    sys::call(SYS_poll, &events, 1, -1);
  }
}

}  // namespace

Result<std::uint64_t> end_to_refill_from(int fd, Arena& arena) noexcept {
  int protocol = 0, accepts = 0;
  socklen_t size = sizeof protocol;
  sys::call(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size);
  sys::call(SYS_getsockopt, fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size);
  if (protocol != IPPROTO_TCP || accepts != 0) return std::uint64_t{0};
  STASIS_TRY_VALUE(const ConnectionNames names, names_of_connection(fd, arena));
  if (names.peer.empty()) return std::uint64_t{0};
  STASIS_TRY_VALUE(const TcpFacts own, ask_tcp(names.own, names.peer));
  STASIS_TRY_VALUE(const TcpFacts other, ask_tcp(names.peer, names.own));
  if (!own.found || !other.found || other.sent <= own.received || (other.shutdown & 2) != 0) return std::uint64_t{0};
  char byte;
  const bool urgent = sys::call(SYS_recvfrom, fd, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT, nullptr, nullptr) == 1;
  return urgent ? 0 : other.inode;
}

Result<std::string_view> take_and_refill(int fd, int other, std::uint64_t size, Arena& arena) noexcept {
  auto* bytes = static_cast<char*>(arena.take(size));
  if (bytes == nullptr) return out_of_arena();
  const std::uint64_t have = take_out(fd, bytes, size);
  send_again(fd, other, bytes, have);
  if (have != size) return error(ErrorCode::unsupported, FixedString<160>("a TCP connection of whose bytes under way only ").append_number(have).append(" of ").append_number(size).append(" came"));
  return std::string_view(bytes, size);
}

}  // namespace stasis::hijack
