// Sockets: UNIX, TCP, UDP, and netlink to the routing tables.
//
// All that a new socket needs to be like the old one is read; nothing is taken out. The other end is known by its inode (UNIX) or by the addresses
// of the connection (TCP): at a restart both ends of a connection find each other by that, whatever process they belong to. An end that nobody in the
// computation has is outside, and its connection comes back as one that the other side has closed.
//
// What a TCP sender could not deliver because the receiver's buffer was full is nowhere to be read. It is taken out and sent again before anything is
// recorded (queue_refill.hpp). A sender that cannot send again, for it has closed, is helped to deliver: the receiver's buffer is widened, which SO_RCVLOWAT does
// (tcp_set_rcvlowat of net/ipv4/tcp.c).
//
// The one change that is made to a socket: TCP sockets get SO_REUSEADDR, for what they leave behind when the program is killed (TIME_WAIT, tcp(7)) would otherwise
// keep their addresses from the restarted ones for a minute.
// World: hijack, leader.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/image/states/socket.hpp"
#include "hijack/engine/settings.hpp"
#include "hijack/kinds/kind.hpp"
#include "hijack/kinds/socket_diag.hpp"
#include "hijack/kinds/socket_options.hpp"
#include "hijack/kinds/socket_queue.hpp"
#include "hijack/virt/ids.hpp"

namespace stasis::hijack {
namespace {

using image::SocketPhase;
using image::SocketState;

// The sender tries again by itself as seldom as its timer has come to; a connection on which nothing moved for minutes may take longer.
constexpr int kDrainMs = 6000, kStepMs = 1;

int number_option(int fd, int name, int otherwise) noexcept {
  int value = otherwise;
  socklen_t size = sizeof value;
  sys::call(SYS_getsockopt, fd, SOL_SOCKET, name, &value, &size);
  return value;
}

bool can_be_made_again(int domain, int type, int protocol) noexcept {
  if (domain == AF_UNIX) return true;
  if (domain == AF_NETLINK) return protocol == NETLINK_ROUTE;
  if (domain != AF_INET && domain != AF_INET6) return false;
  return (type == SOCK_STREAM && protocol == IPPROTO_TCP) || (type == SOCK_DGRAM && protocol == IPPROTO_UDP);
}

bool recognise(Description& description) noexcept {
  if (!S_ISSOCK(description.status.st_mode)) return false;
  const int fd = description.fd;
  if (!can_be_made_again(number_option(fd, SO_DOMAIN, -1), number_option(fd, SO_TYPE, -1), number_option(fd, SO_PROTOCOL, -1))) return false;
  description.record.kind = image::DescriptionKind::socket;
  return true;
}

class Recording {
 public:
  Recording(Description& description, Sink& sink) noexcept : description_(description), fd_(description.fd), sink_(sink), arena_(sink.arena) {}

  Status run() noexcept {
    state_.domain = number_option(fd_, SO_DOMAIN, 0);
    state_.type = number_option(fd_, SO_TYPE, 0);
    state_.protocol = number_option(fd_, SO_PROTOCOL, 0);
    STASIS_TRY(read_names());
    List<image::SocketOption> options(arena_);
    STASIS_TRY(read_options(fd_, state_, options, arena_));
    state_.options = {options.begin(), options.size()};
    pollfd events{fd_, 0, 0};
    sys::call(SYS_poll, &events, 1, 0);
    state_.failed = (events.revents & POLLERR) != 0;
    if (number_option(fd_, SO_ACCEPTCONN, 0) != 0) state_.phase = SocketPhase::listening;
    else if (has_peer_) state_.phase = SocketPhase::connected;
    switch (state_.domain) {
      case AF_UNIX: STASIS_TRY(record_unix()); break;
      case AF_NETLINK: STASIS_TRY(record_netlink()); break;
      default: STASIS_TRY(state_.protocol == IPPROTO_TCP ? record_tcp() : record_queue()); break;
    }
    state_.messages = {messages_.begin(), messages_.size()};
    return set_state(description_, arena_, state_);
  }

 private:
  Status read_names() noexcept {
    char address[128];
    socklen_t size = sizeof address;
    if (const long result = sys::call(SYS_getsockname, fd_, address, &size); result < 0) return system_error("getsockname", result);
    const bool unbound_unix = state_.domain == AF_UNIX && size <= sizeof(sa_family_t);
    if (!unbound_unix) state_.name = arena_.copy({address, size});
    size = sizeof address;
    has_peer_ = sys::call(SYS_getpeername, fd_, address, &size) == 0;
    if (has_peer_ && size > sizeof(sa_family_t)) state_.peer_name = arena_.copy({address, size});
    return {};
  }

  Status record_unix() noexcept {
    ucred who{};
    socklen_t size = sizeof who;
    // The user is -1 where there is no such process.
    if (sys::call(SYS_getsockopt, fd_, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.uid != ~0u) state_.peer_credentials = {programs_id(who.pid), who.uid, who.gid};
    STASIS_TRY_VALUE(const UnixFacts facts, ask_unix(description_.record.inode, arena_));
    state_.peer = facts.peer;
    state_.backlog = static_cast<std::int32_t>(facts.backlog);
    state_.read_shut = (facts.shutdown & 1) != 0, state_.write_shut = (facts.shutdown & 2) != 0;
    state_.pending = {facts.pending.begin(), facts.pending.size()};
    if (facts.file_inode != 0) find_file(facts);
    state_.unaccepted = state_.phase == SocketPhase::connected && facts.peer == 0 && facts.shutdown == 0 && state_.type != SOCK_DGRAM;
    int sent = 0;
    if (state_.unaccepted && sys::call(SYS_ioctl, fd_, TIOCOUTQ, &sent) == 0 && sent > 0) return unread_by_listener();
    return state_.phase == SocketPhase::connected || state_.type == SOCK_DGRAM ? record_queue() : Status();
  }

  static Error unread_by_listener() noexcept {
    return error(ErrorCode::unsupported, "a connection that the server has not accepted yet, into which the client has written already; checkpoint again a moment later");
  }

  // The file of the name, if it is still there: a relative name is meant from where bind(2) was called, which is likely to be where the process is.
  void find_file(const UnixFacts& facts) noexcept {
    const std::string_view path = name_path(state_.name);
    Path absolute;
    if (!path.starts_with("/")) absolute.append(read_link("/proc/thread-self/cwd", arena_)).append("/");
    absolute.append(path);
    struct stat status{};
    if (sys::call(SYS_newfstatat, AT_FDCWD, absolute.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) return;
    if (!S_ISSOCK(status.st_mode) || static_cast<std::uint32_t>(status.st_ino) != facts.file_inode) return;
    state_.file = arena_.copy(absolute.view());
    state_.file_mode = status.st_mode & 07777;
    state_.file_inode = status.st_ino;
  }

  // Empty for abstract names.
  static std::string_view name_path(std::string_view address) noexcept {
    if (address.size() <= offsetof(sockaddr_un, sun_path)) return {};
    address.remove_prefix(offsetof(sockaddr_un, sun_path));
    return address.substr(0, address.find('\0'));
  }

  Status record_netlink() noexcept {
    pollfd events{fd_, POLLIN, 0};
    if (sys::call(SYS_poll, &events, 1, 0) > 0) return error(ErrorCode::unsupported, "a netlink socket with an answer that was not read yet; checkpoint again a moment later");
    std::uint32_t bits[32];
    socklen_t size = sizeof bits;
    if (sys::call(SYS_getsockopt, fd_, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, bits, &size) < 0) return {};
    List<image::SocketReference> groups(arena_);
    bool full = false;
    for (std::uint32_t group = 0; group < size * 8 && group < sizeof bits * 8; ++group)
      if ((bits[group / 32] >> (group % 32) & 1) != 0) full |= !groups.add({group + 1});
    state_.groups = {groups.begin(), groups.size()};
    return full ? Status(out_of_arena()) : Status();
  }

  Status record_tcp() noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (const long result = sys::call(SYS_getsockopt, fd_, IPPROTO_TCP, TCP_INFO, &info, &size); result < 0) return system_error("TCP_INFO", result);
    state_.backlog = static_cast<std::int32_t>(info.tcpi_sacked);  // of a listener, tcp_get_info of net/ipv4/tcp.c
    switch (info.tcpi_state) {
      case TCP_LISTEN:
        let_address_be_taken();
        return info.tcpi_unacked == 0 ? Status() : check_pending();  // how many wait to be accepted, likewise
      case TCP_SYN_SENT:
        state_.phase = SocketPhase::connecting;
        return {};
      case TCP_CLOSE:
        if (!has_ended()) return {};
        state_.phase = SocketPhase::ended;
        return record_queue();
      case TCP_ESTABLISHED:
      case TCP_CLOSE_WAIT:
        return record_connection(info.tcpi_state);
      case TCP_FIN_WAIT1:
      case TCP_FIN_WAIT2:
      case TCP_CLOSING:
      case TCP_LAST_ACK:
        state_.write_shut = true;
        return record_connection(info.tcpi_state);
      default:
        return {};
    }
  }

  // Who is on another node does not see by itself that nobody reads what it has sent.
  Status check_pending() noexcept {
    if (!settings.slurm) return {};
    STASIS_TRY_VALUE(const bool unread, has_unread_pending(state_.name));
    return unread ? Status(unread_by_listener()) : Status();
  }

  Status record_connection(int tcp_state) noexcept {
    state_.phase = SocketPhase::connected;
    state_.peer_shut = tcp_state == TCP_CLOSE_WAIT || tcp_state == TCP_CLOSING || tcp_state == TCP_LAST_ACK;
    let_address_be_taken();
    STASIS_TRY_VALUE(const TcpFacts facts, ask_tcp(state_.name, state_.peer_name));
    state_.read_shut = (facts.shutdown & 1) != 0;
    STASIS_TRY_VALUE(const TcpFacts other, ask_tcp(state_.peer_name, state_.name));
    state_.unaccepted = other.found && other.inode == 0 && other.is_established;
    if (state_.unaccepted && other.unread != 0) return unread_by_listener();
    if (!description_.refilled.empty()) return record_refilled();
    // When the end of the stream is here, so is all before it. An other end that could have been lent and was not is in another part of the job, or outside: what one outside holds is its
    // own affair.
    const bool open = tcp_state == TCP_ESTABLISHED || tcp_state == TCP_FIN_WAIT1 || tcp_state == TCP_FIN_WAIT2;
    if (open && (description_.other_end == 0 || settings.slurm) && other.found && other.sent > facts.received) STASIS_TRY(drain(facts, other.sent));
    STASIS_TRY_VALUE(const TcpFacts now, ask_tcp(state_.name, state_.peer_name));
    return record_queue(now.unread);
  }

  // After the program's end, too.
  void let_address_be_taken() noexcept {
    const int yes = 1;
    sys::call(SYS_setsockopt, fd_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  }

  // A socket without connection is as good as new, or its connection has come to an end.
  bool has_ended() noexcept {
    pollfd events{fd_, POLLIN | POLLRDHUP, 0};
    sys::call(SYS_poll, &events, 1, 0);
    return (events.revents & POLLRDHUP) != 0;
  }

  // Lets what was written at the other end come over. As much as SO_RCVLOWAT says finds room; then poll(2) tells of data when there is as much, but also, as of any, while the window that the other end has
  // been told of has no room for a segment (tcp_epollin_ready() of net/ipv4/tcp.c): until that end asks again.
  Status drain(const TcpFacts& own, std::uint64_t sent) noexcept {
    const int old = number_option(fd_, SO_RCVLOWAT, 1);
    const auto all = static_cast<int>(own.unread + (sent - own.received));
    sys::call(SYS_setsockopt, fd_, SOL_SOCKET, SO_RCVLOWAT, &all, sizeof all);
    const Result<TcpFacts> drained = wait_until_received(sent);
    sys::call(SYS_setsockopt, fd_, SOL_SOCKET, SO_RCVLOWAT, &old, sizeof old);
    STASIS_TRY_VALUE(const TcpFacts now, drained);
    if (now.received >= sent || (now.shutdown & 1) != 0) return {};
    return error(ErrorCode::unsupported, FixedString<160>("a TCP connection whose other side holds ").append_number(sent - now.received).append(" bytes that do not fit into this side's buffer"));
  }

  // What is known of this side when it has all, or when the time is over.
  Result<TcpFacts> wait_until_received(std::uint64_t sent) noexcept {
    const std::uint64_t limit = clock_ns(CLOCK_MONOTONIC) + kDrainMs * std::uint64_t{1'000'000};
    for (;;) {
      const std::uint64_t now = clock_ns(CLOCK_MONOTONIC);
      pollfd events{fd_, POLLIN, 0};
      if (now < limit) sys::call(SYS_poll, &events, 1, (limit - now) / 1'000'000);
      STASIS_TRY_VALUE(const TcpFacts facts, ask_tcp(state_.name, state_.peer_name));
      if (facts.received >= sent || (facts.shutdown & 1) != 0 || clock_ns(CLOCK_MONOTONIC) >= limit) return facts;
      sys::call(SYS_poll, nullptr, 0, kStepMs);  // that the window is open again is no event
    }
  }

  Status record_refilled() noexcept {
    image::SocketMessage all;
    all.size = description_.refilled.size();
    if (!messages_.add(all)) return out_of_arena();
    description_.record.content.first = sink_.runs.size();
    description_.record.content.present = true;
    constexpr std::size_t kPiece = 64u << 10;
    for (std::string_view rest = description_.refilled; !rest.empty(); rest.remove_prefix(rest.size() < kPiece ? rest.size() : kPiece))
      STASIS_TRY(sink_.image.add_copy(sink_.runs, all.size - rest.size(), rest.data(), rest.size() < kPiece ? rest.size() : kPiece));
    description_.record.content.count = sink_.runs.size() - description_.record.content.first;
    return {};
  }

  Status record_queue(std::uint64_t received = 0) noexcept {
    SocketQueue queue(fd_, state_.domain, state_.type, false, arena_);
    STASIS_TRY(queue.open(received));
    description_.record.content.first = sink_.runs.size();
    description_.record.content.present = true;
    std::uint64_t at = 0;
    std::uint32_t number = 0;  // of the messages with descriptors
    QueuedMessage message;
    for (;;) {
      STASIS_TRY_VALUE(const bool more, queue.next(message));
      if (!more) break;
      if (!message.bytes.empty()) STASIS_TRY(sink_.image.add_copy(sink_.runs, at, message.bytes.data(), message.bytes.size()));
      at += message.bytes.size();
      image::SocketMessage kept;
      kept.size = message.bytes.size();
      kept.sender = arena_.copy(message.sender);
      kept.credentials = message.credentials;
      kept.urgent = message.urgent;
      if (message.has_rights) STASIS_TRY(add_rights(kept, number++));
      if (!messages_.add(kept)) return out_of_arena();
    }
    description_.record.content.count = sink_.runs.size() - description_.record.content.first;
    return {};
  }

  Status add_rights(image::SocketMessage& message, std::uint32_t number) noexcept {
    List<image::SocketReference> rights(arena_);
    for (const InFlight& one : description_.in_flight)
      if (one.message == number && !rights.add({one.description})) return out_of_arena();
    message.rights = {rights.begin(), rights.size()};
    return {};
  }

  Description& description_;
  int fd_;
  Sink& sink_;
  Arena& arena_;
  SocketState state_;
  bool has_peer_ = false;
  List<image::SocketMessage> messages_{arena_};
};

Status record(Description& description, Sink& sink) noexcept { return Recording(description, sink).run(); }

}  // namespace

const Kind kinds_detail::socket{recognise, record};

}  // namespace stasis::hijack
