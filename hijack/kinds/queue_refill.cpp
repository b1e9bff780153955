// Taking out and sending again, see queue_refill.hpp.
// Nothing is taken out before it is certain that it can be put back. The sender's buffer is made so large for the moment that it could hold everything; where the
// kernel does not allow that, the receiver's is widened, which can do with less or with nothing to take out. A receiver's buffer that the program has set is left alone: with one
// that was wider for a moment, what the program sends later could come where there is no room, and its being sent again be waited for.
// World: hijack, leader; what touches bytes: its process of a moment.
#include "hijack/kinds/queue_refill.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "hijack/kinds/queue_visit.hpp"
#include "hijack/kinds/socket_diag.hpp"
#include "hijack/rt/fault.hpp"
#include "hijack/rt/file.hpp"

namespace stasis::hijack {
namespace {

constexpr int kBufferLock = 72, kReceiveLock = 2;        // SO_BUF_LOCK (Linux 5.14), SOCK_RCVBUF_LOCK of linux/socket.h
constexpr std::uint64_t kPacket = 1536;                  // more than the kernel charges for a packet beside its bytes
constexpr std::uint64_t kPartialPackets = 16;            // of what is sent again
constexpr int kWidenedMs = 2'000;                        // for what comes over when there is room
constexpr int kAgainMs = 100;

int option(int fd, int level, int name, int otherwise) noexcept {
  int value = otherwise;
  socklen_t size = sizeof value;
  return sys::call(SYS_getsockopt, fd, level, name, &value, &size) < 0 ? otherwise : value;
}
long set_option(int fd, int level, int name, int value) noexcept { return sys::call(SYS_setsockopt, fd, level, name, &value, sizeof value); }

// A low-water mark of the program's would hide what is there. One that is as high as possible makes the buffer as wide as it may be, if the program has not set that.
class LowWaterMark {
 public:
  LowWaterMark(int fd, std::uint64_t value) noexcept : fd_(fd), old_(option(fd, SOL_SOCKET, SO_RCVLOWAT, 1)) {
    set_option(fd_, SOL_SOCKET, SO_RCVLOWAT, value < 0x40000000 ? static_cast<int>(value) : 0x40000000);
  }
  LowWaterMark(const LowWaterMark&) = delete;
  ~LowWaterMark() { set_option(fd_, SOL_SOCKET, SO_RCVLOWAT, old_); }

 private:
  int fd_, old_;
};

// The sender's buffer while this exists: as large as was wished, or as the kernel allows. Never smaller than before, for one that the kernel has widened by
// itself can be wider than anybody may ask for.
class LargerBuffer {
 public:
  LargerBuffer(int fd, std::uint64_t wanted, std::uint64_t limit) noexcept
      : fd_(fd), old_(option(fd, SOL_SOCKET, SO_SNDBUF, 0)), locks_(option(fd, SOL_SOCKET, kBufferLock, -1)), unsent_(option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0)) {
    set_option(fd_, IPPROTO_TCP, TCP_NOTSENT_LOWAT, -1);
    const std::uint64_t half = wanted / 2 < limit ? wanted / 2 : limit;  // the kernel doubles it
    is_set_ = 2 * half > static_cast<std::uint64_t>(old_) && half < 0x3fffffff;
    if (is_set_) set_option(fd_, SOL_SOCKET, SO_SNDBUF, static_cast<int>(half));
  }
  LargerBuffer(const LargerBuffer&) = delete;
  ~LargerBuffer() {
    if (is_set_) set_option(fd_, SOL_SOCKET, SO_SNDBUF, old_ / 2);
    if (is_set_ && locks_ >= 0) set_option(fd_, SOL_SOCKET, kBufferLock, locks_);
    set_option(fd_, IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsent_);
  }
  std::uint64_t size() const noexcept { return static_cast<std::uint64_t>(option(fd_, SOL_SOCKET, SO_SNDBUF, 0)); }

 private:
  int fd_, old_, locks_, unsent_;
  bool is_set_ = false;
};

tcp_info info_of(int fd) noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  sys::call(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, &info, &size);
  return info;
}

// One refill, in the process of a moment.
class Refill {
 public:
  Refill(int fd, const ConnectionNames& names, std::uint64_t limit, Arena& arena) noexcept : fd_(fd), names_(names), limit_(limit), arena_(arena) {}

  static void run(int other, void* self) noexcept {
    auto& refill = *static_cast<Refill*>(self);
    refill.other_ = other;
    refill.status_ = refill.take_and_send_again();
  }
  Status& status() noexcept { return status_; }
  std::string_view bytes() const noexcept { return bytes_; }

 private:
  // Once a byte is out nothing may fail: room for them here and there first.
  Status take_and_send_again() noexcept {
    STASIS_TRY_VALUE(std::uint64_t size, under_way());
    if (size == 0) return {};
    const LargerBuffer larger(other_, 2 * need_of(size), limit_);
    const Status denied = fault(Fault::refill_room);
    if (need_of(size) > larger.size() || !denied.ok()) {
      if ((option(fd_, SOL_SOCKET, kBufferLock, 0) & kReceiveLock) == 0) {
        const LowWaterMark all(fd_, size);
        STASIS_TRY_VALUE(size, let_come_over());
      }
      if (size == 0) return {};
      const std::uint64_t taken_anew = room_of_receiver();
      if ((size > taken_anew && need_of(size - taken_anew) > larger.size()) || !denied.ok())
        return error(ErrorCode::unsupported, FixedString<160>("a full TCP connection with ").append_number(size).append(" bytes under way, for which its buffers cannot be made large enough"));
    }
    auto* place = static_cast<char*>(arena_.take(size));
    if (place == nullptr) return out_of_arena();
    const std::uint64_t have = take_out(place, size);
    const Status failed = fault(Fault::refill_taken);
    if (!fault(Fault::refill_crash).ok()) sys::call(SYS_kill, sys::call(SYS_getppid), SIGKILL);
    send_again(place, have);
    STASIS_TRY(failed);
    if (have != size) return error(ErrorCode::unsupported, "a TCP connection that was cut meanwhile");
    bytes_ = {place, size};
    return {};
  }

  // The queue of the receiver included; 0 if all has come over.
  Result<std::uint64_t> under_way() noexcept {
    STASIS_TRY_VALUE(const TcpFacts own, ask_tcp(names_.own, names_.peer));
    STASIS_TRY_VALUE(const TcpFacts there, ask_tcp(names_.peer, names_.own));
    if (!own.found || !there.found || there.sent <= own.received) return std::uint64_t{0};
    return own.unread + (there.sent - own.received);
  }

  // What the kernel charges the sender's buffer for so many bytes, at most: packets of the segment size or larger ones.
  std::uint64_t need_of(std::uint64_t size) noexcept {
    const std::uint32_t segment = info_of(other_).tcpi_snd_mss;
    return size + (size / (segment == 0 ? 1 : segment) + kPartialPackets) * kPacket;
  }

  // What the receiver surely takes again when it is empty: its window, in whole segments, for the sender waits with less.
  std::uint64_t room_of_receiver() noexcept {
    const std::uint64_t buffer = static_cast<std::uint64_t>(option(fd_, SOL_SOCKET, SO_RCVBUF, 0)), window = info_of(fd_).tcpi_rcv_ssthresh, segment = info_of(other_).tcpi_snd_mss;
    const std::uint64_t room = window < buffer / 2 ? window : buffer / 2;
    return segment == 0 ? 0 : room / segment * segment;
  }

  // Under a low-water mark that has made the receiver's buffer wider; it says so to the sender when somebody looks. Returns what is under way then.
  Result<std::uint64_t> let_come_over() noexcept {
    char byte;
    sys::call(SYS_recvfrom, fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT, nullptr, nullptr);
    pollfd events{fd_, POLLIN, 0};
    sys::call(SYS_poll, &events, 1, kWidenedMs);
    return under_way();
  }

  // Until all have come, for what is sent again must not come behind what is still under way. Less only if the connection is cut.
  std::uint64_t take_out(char* place, std::uint64_t size) noexcept {
    const LowWaterMark lowest(fd_, 1);
    std::uint64_t have = 0;
    while (have != size) {
      const long got = sys::call(SYS_recvfrom, fd_, place + have, size - have, MSG_DONTWAIT, nullptr, nullptr);
      if (got > 0) have += static_cast<std::uint64_t>(got);
      if (got > 0 || got == -EINTR) continue;
      if (got != -EAGAIN) break;
      pollfd events{fd_, POLLIN, 0};
      sys::call(SYS_poll, &events, 1, kAgainMs);
    }
    return have;
  }

  // These bytes are the program's and nowhere else now.
  void send_again(const char* place, std::uint64_t size) noexcept {
    for (std::uint64_t done = 0; done != size;) {
      const long put = sys::call(SYS_sendto, other_, place + done, size - done, MSG_NOSIGNAL | MSG_DONTWAIT, nullptr, 0);
      if (put > 0) done += static_cast<std::uint64_t>(put);
      if (put > 0 || put == -EINTR) continue;
      if (put != -EAGAIN) return;  // the connection was cut meanwhile, which loses them anyway
      pollfd events{other_, POLLOUT, 0};  // the kernel is short of memory for packets; it tells of room only when there is much
      sys::call(SYS_poll, &events, 1, kAgainMs);
    }
  }

  int fd_, other_ = -1;
  const ConnectionNames& names_;
  std::uint64_t limit_;
  Arena& arena_;
  std::string_view bytes_;
  Status status_;
};

// net.core.wmem_max, which is below /proc/sys in one network namespace only: as large as a new socket's buffer gets.
std::uint64_t send_limit() noexcept {
  const OwnedFd probe(sys::call(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  set_option(probe.get(), SOL_SOCKET, SO_SNDBUF, 0x3fffffff);
  return static_cast<std::uint64_t>(option(probe.get(), SOL_SOCKET, SO_SNDBUF, 0)) / 2;
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

Result<std::string_view> take_and_refill(int fd, int other, Arena& arena) noexcept {
  STASIS_TRY_VALUE(const ConnectionNames names, names_of_connection(fd, arena));
  Refill refill(fd, names, send_limit(), arena);
  STASIS_TRY(visit_queue(other, O_RDWR, arena, Refill::run, &refill));
  STASIS_TRY(std::move(refill.status()));
  return refill.bytes();
}

}  // namespace stasis::hijack
