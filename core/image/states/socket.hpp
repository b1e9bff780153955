// What only a socket has: the state of a description of kind `socket`.
//
// Addresses are kept as the kernel gives them (struct sockaddr without what lies behind its length); levels, names and values of options as
// getsockopt(2) has them. World: all. Field lists are appended to, never changed (codec.hpp).
#pragma once
#include <cstdint>
#include <string_view>

#include "core/codec/codec.hpp"

namespace stasis::image {

enum class SocketPhase : std::uint8_t {
  idle = 0,        // neither connected nor listening; may be bound; datagram sockets may have a peer all the same
  listening = 1,
  connecting = 2,  // TCP: connect(2) was called and the other side has not answered
  connected = 3,
  ended = 4,       // a connection that both sides have closed or one has reset
};

struct SocketOption {
  std::int32_t level = 0;
  std::int32_t name = 0;
  std::string_view value;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("level", self.level);
    archive("name", self.name);
    archive("value", self.value);
  }
};

// A number in a list: the id of a description that is in flight, or the inode of a socket.
struct SocketReference {
  std::uint64_t id = 0;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("id", self.id);
  }
};

// Who a process was, as SO_PEERCRED and SCM_CREDENTIALS tell.
struct SocketCredentials {
  std::int32_t pid = 0;  // 0: not told
  std::uint32_t user = 0;
  std::uint32_t group = 0;
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("pid", self.pid);
    archive("user", self.user);
    archive("group", self.group);
  }
};

// One piece of the receive queue, in its order: a datagram, or bytes of a stream that came with the same credentials and descriptors.
struct SocketMessage {
  std::uint64_t size = 0;           // of its bytes, which follow those of the message before it in the description's content
  std::string_view sender;          // address of a datagram's sender
  SocketCredentials credentials;
  Sequence<SocketReference> rights;  // descriptions that are in flight with it (SCM_RIGHTS)
  bool urgent = false;              // the one byte of TCP's urgent data
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("size", self.size);
    archive("sender", self.sender);
    archive("credentials", self.credentials);
    archive("rights", self.rights);
    archive("urgent", self.urgent);
  }
};

struct SocketState {
  std::int32_t domain = 0;   // AF_*
  std::int32_t type = 0;     // SOCK_*
  std::int32_t protocol = 0;
  SocketPhase phase = SocketPhase::idle;
  std::string_view name;       // own address; empty if the socket is not bound
  std::string_view peer_name;  // of the socket that it is connected to
  std::uint64_t peer = 0;      // AF_UNIX: inode of that socket; 0 if there is none any more
  std::int32_t backlog = 0;    // of a listener
  Sequence<SocketReference> pending;  // AF_UNIX listeners: inodes of the connecting sockets that were not accepted yet, in their order
  bool read_shut = false;      // shutdown(2) of one's own, or for AF_UNIX also of the peer's
  bool write_shut = false;
  bool unaccepted = false;     // connected to a listener that has not accepted it yet
  bool failed = false;         // an error is waiting to be told (SO_ERROR)
  SocketCredentials peer_credentials;  // AF_UNIX: SO_PEERCRED
  std::string_view file;       // AF_UNIX: absolute path of the name's file; empty if there is none (any more)
  std::uint32_t file_mode = 0;
  std::uint64_t file_inode = 0;
  Sequence<SocketOption> options;
  Sequence<SocketMessage> messages;
  Sequence<SocketReference> groups;  // AF_NETLINK: multicast groups
  bool peer_shut = false;      // TCP: the other side has closed its direction
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("domain", self.domain);
    archive("type", self.type);
    archive("protocol", self.protocol);
    archive("phase", self.phase);
    archive("name", self.name);
    archive("peer_name", self.peer_name);
    archive("peer", self.peer);
    archive("backlog", self.backlog);
    archive("pending", self.pending);
    archive("read_shut", self.read_shut);
    archive("write_shut", self.write_shut);
    archive("unaccepted", self.unaccepted);
    archive("failed", self.failed);
    archive("peer_credentials", self.peer_credentials);
    archive("file", self.file);
    archive("file_mode", self.file_mode);
    archive("file_inode", self.file_inode);
    archive("options", self.options);
    archive("messages", self.messages);
    archive("groups", self.groups);
    archive("peer_shut", self.peer_shut);
  }
};

}  // namespace stasis::image
