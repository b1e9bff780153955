// The sockets of a computation while they are made again: what the families share.
//
// World: programs, the first process of the new namespace. Socket objects live as long as the call that makes them all.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/image/states/socket.hpp"
#include "restart_wrapper/kinds/kind.hpp"
#include "restart_wrapper/unique_fd.hpp"

namespace stasis::restart {

struct SocketMessage {
  std::string bytes;
  std::string sender;
  image::SocketCredentials credentials;
  std::vector<std::uint64_t> rights;
  bool urgent = false;
};

struct Socket {
  const Description* description = nullptr;
  image::SocketState state;
  std::vector<std::uint64_t> pending;
  std::vector<SocketMessage> messages;
  UniqueFd fd;
  Socket* peer = nullptr;     // the other end, if it is in the computation
  UniqueFd stand_in;          // the other end, if not: closed when all is done
  bool taken_in = false;      // waits to be accepted by a listener of the computation
  bool has_met = false;       // its other end is in another part
  bool calls = false;         // it will be, and calls when all is there (meeting.hpp)
};

// What is put right after a socket is made and before it is bound. Errors: system.
Result<UniqueFd> new_socket(const Socket& socket);
// Calls bind(2), listen(2), connect(2); errors say the address in words.
Status bind_to(int fd, std::string_view address);
Status connect_to(int fd, std::string_view address);
// "127.0.0.1:80", "/run/x", "@abstract"
std::string describe_address(std::string_view address);

// Over a TCP connection: sends what was in a queue to `out`; at the other end, widens the buffer so far that it can all come, and waits until it has. Errors: restore_failed, system.
Status send_queue(int out, const std::vector<SocketMessage>& messages);
void widen_for(int fd, const std::vector<SocketMessage>& messages);
Status await_queue(int fd, const std::vector<SocketMessage>& messages);
// Connects the unconnected TCP socket `fd` of `family` to somebody who sends it `messages` and goes away. Errors: theirs.
Status connect_to_nobody(int fd, int family, const std::vector<SocketMessage>& messages);
// In host order; 0 if it has none.
std::uint16_t port_of(int fd);

// The families. Each makes the sockets of its own among `all`, with what is in their queues; directions are not shut yet.
// Errors: restore_failed, system; image_damaged.
Status make_unix_sockets(Workshop& workshop, std::vector<Socket>& all);
Status make_tcp_sockets(Workshop& workshop, std::vector<Socket>& all);
Status make_udp_sockets(std::vector<Socket>& all);

// Whether the addresses are free. Touches nothing. Errors: restore_failed.
Status check_unix_address(const image::SocketState& socket);
Status check_inet_address(const image::SocketState& socket);

}  // namespace stasis::restart
