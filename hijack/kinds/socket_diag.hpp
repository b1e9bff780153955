// What the kernel tells of a socket by its diagnosis interface (sock_diag(7)) and nowhere else: who a UNIX socket is connected to, which connections a
// listener has not accepted, which directions are shut down, and how much was written into a TCP connection that has not come over.
//
// Any user may ask, for the sockets of his network namespace.
// World: hijack, leader, all threads parked.
#pragma once
#include <cstdint>
#include <string_view>

#include "core/base/result.hpp"
#include "core/image/states/socket.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

struct UnixFacts {
  std::uint64_t peer = 0;        // inode of the connected socket; 0 if that was closed or not accepted yet
  bool has_peer = false;
  std::uint8_t shutdown = 0;     // bit 0: reading, bit 1: writing
  std::uint32_t backlog = 0;     // listeners: what listen(2) was given
  std::uint32_t file_device = 0, file_inode = 0;  // of the name's file, 0 if there is none
  List<image::SocketReference> pending;           // listeners: inodes of the sockets that wait to be accepted
};

// By the inode of a UNIX socket. Errors: system.
Result<UnixFacts> ask_unix(std::uint64_t inode, Arena& arena) noexcept;

struct TcpFacts {
  bool found = false;
  bool is_established = false;   // neither side has closed
  std::uint64_t inode = 0;       // 0: not accepted yet, or closed
  std::uint32_t unread = 0;      // bytes that were received and not read
  std::uint64_t sent = 0;        // bytes that were written to it, whether or not they have left
  std::uint64_t received = 0;    // bytes that have come in, whether or not they were read
  std::uint8_t shutdown = 0;
};

// Whether the socket is connected to one that exists, and which: 0 if that is on another machine, or known to nobody here.
struct Peer {
  bool is_there = false;
  std::uint64_t inode = 0;
};
Result<Peer> find_peer(int fd, std::uint64_t inode, Arena& arena) noexcept;

struct ConnectionNames {
  std::string_view own, peer;  // in the arena; empty if there is none
};
Result<ConnectionNames> names_of_connection(int fd, Arena& arena) noexcept;

// By the addresses of a TCP connection, as getsockname(2) and getpeername(2) give them at the end that is asked for. Errors: system.
Result<TcpFacts> ask_tcp(std::string_view name, std::string_view peer_name) noexcept;

// Whether anything was written into a connection that the listener of this address has not accepted. Errors: system.
Result<bool> has_unread_pending(std::string_view listener) noexcept;

}  // namespace stasis::hijack
