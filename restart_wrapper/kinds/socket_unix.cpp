// UNIX sockets: pairs and connections, listeners, datagram sockets, and what is in their queues, descriptors included.
//
// The ends of a connection know each other's inodes. What the kernel tells of a socket for good must be right when it is made: its name (an accepted socket
// has its listener's) and the process at the other end (SO_PEERCRED). So it is made by a process with that id (acting.hpp); and names that lead nowhere any more are
// given in a place that exists for nothing else. A name whose file was there gets its file again, in place of the one that the old socket left behind.
// World: programs, the first process of the new namespace.
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <set>

#include "restart_wrapper/directories.hpp"
#include "restart_wrapper/kinds/acting.hpp"
#include "restart_wrapper/kinds/sockets.hpp"

namespace stasis::restart {
namespace {

using image::SocketPhase;

// The path in a name; empty for abstract and no names.
std::string path_in(std::string_view name) {
  if (name.size() <= offsetof(sockaddr_un, sun_path)) return {};
  name.remove_prefix(offsetof(sockaddr_un, sun_path));
  return std::string(name.substr(0, name.find('\0')));
}

// Where names can be given that lead nowhere any more: in an empty file system that is mounted nowhere, or, if this user may have none, for a moment in the real one: relative
// names in a directory of our own, absolute ones where nobody has them. What was made there is removed at the end.
class NameOnly {
 public:
  NameOnly() = default;
  NameOnly(const NameOnly&) = delete;
  ~NameOnly() {
    for (const std::string& file : files_) ::unlink(file.c_str());
    std::error_code ignored;
    if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
  }
  // fsopen(2), Linux 5.2.
  void make() {
    const UniqueFd context(static_cast<int>(::syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
    if (context && ::syscall(SYS_fsconfig, context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0)
      fd_.reset(static_cast<int>(::syscall(SYS_fsmount, context.get(), FSMOUNT_CLOEXEC, 0)));
    char pattern[] = "/tmp/stasis-names.XXXXXX";
    if (!fd_ && ::mkdtemp(pattern) != nullptr) directory_ = pattern;
  }
  // Brings the calling process, of a moment, to where `path` leads to what was made by make_way. Errors: restore_failed, system.
  Status enter(const std::string& path) const {
    if (!fd_ && directory_.empty()) return error(ErrorCode::restore_failed, "no place for names of sockets in /tmp");
    if (!fd_) return path.starts_with("/") || ::chdir(directory_.c_str()) == 0 ? Status() : system_error("enter " + directory_, -errno);
    return ::fchdir(fd_.get()) == 0 && ::chroot(".") == 0 ? Status() : system_error("enter a file system for names", -errno);
  }
  // There: the directories that `path` needs, and no file of that name. Errors: restore_failed, if another has it.
  Status make_way(const std::string& path) const {
    if (!fd_ && path.starts_with("/")) {
      struct stat status{};
      if (!own_.contains(path) && !files_.contains(path) && ::lstat(path.c_str(), &status) == 0) return error(ErrorCode::restore_failed, "another file has the name of a socket: " + path);
    } else {
      for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) ::mkdir(path.substr(0, at).c_str(), 0700);
    }
    ::unlink(path.c_str());
    return {};
  }
  // A file that a socket is going to take, in place of one that was left behind: others may have the name before.
  void will_be_taken(std::string_view file) { own_.emplace(file); }
  // A name was given in a process of a moment.
  void note(const std::string& path) {
    if (!fd_ && path.starts_with("/")) files_.insert(path);
  }
  // The file has its owner.
  void forget(std::string_view file) { files_.erase(std::string(file)); }

 private:
  UniqueFd fd_;
  std::string directory_;
  std::set<std::string> own_, files_;
};

// The directory in which the name of `socket` leads to its file.
std::string base_of(const image::SocketState& socket) {
  const std::string path = path_in(socket.name);
  const std::string file(socket.file);
  if (path.starts_with("/") || file.size() <= path.size()) return "/";
  return file.substr(0, file.size() - path.size());
}

Result<UniqueFd> plain_socket(int type) {
  UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!fd) return system_error("make a socket", -errno);
  return fd;
}

// Nobody takes connections or messages there: the socket that made the file is gone.
bool is_left_behind(const std::string& file, int type) {
  const UniqueFd probe(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (file.size() >= sizeof address.sun_path) return true;
  std::memcpy(address.sun_path, file.c_str(), file.size());
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno == ECONNREFUSED;
}

class UnixSockets {
 public:
  UnixSockets(Workshop& workshop, std::vector<Socket>& all) : workshop_(workshop) {
    for (Socket& socket : all) {
      by_id_[socket.description->record.id] = &socket;
      if (socket.state.domain != AF_UNIX) continue;
      sockets_.push_back(&socket);
      by_inode_[socket.description->record.inode] = &socket;
      if (!socket.state.file.empty()) names_.will_be_taken(socket.state.file);
    }
    if (!sockets_.empty()) names_.make();
  }

  Status make() {
    for (Socket* socket : sockets_) {
      const auto other = by_inode_.find(socket->state.peer);
      if (socket->state.peer != 0 && other != by_inode_.end()) socket->peer = other->second;
    }
    // Connections before listeners: a stand-in may listen at a name that its owner takes afterwards.
    for (Socket* socket : sockets_)
      if (!socket->fd && socket->state.phase == SocketPhase::connected && !waits(*socket) && is_mutual(*socket)) STASIS_TRY(make_connection(*socket));
    for (Socket* socket : sockets_)
      if (!socket->fd && !waits(*socket)) STASIS_TRY(make_alone(*socket));
    for (Socket* socket : sockets_) STASIS_TRY(call_waiting(*socket));
    for (Socket* socket : sockets_) STASIS_TRY(fill(*socket));
    for (Socket* socket : sockets_)
      if (socket->state.type == SOCK_DGRAM && socket->state.phase == SocketPhase::connected && !is_mutual(*socket)) STASIS_TRY(choose_peer(*socket));
    return {};
  }

 private:
  // Datagram sockets may have a peer that has another one, or none.
  static bool is_mutual(const Socket& socket) {
    if (socket.state.type != SOCK_DGRAM) return true;
    if (socket.peer != nullptr) return socket.peer->peer == &socket && socket.state.name.empty() && socket.peer->state.name.empty();
    return socket.state.name.empty() && socket.state.peer_name.empty();
  }
  bool waits(const Socket& socket) const {
    if (!socket.state.unaccepted) return false;
    for (const Socket* listener : sockets_)
      for (const std::uint64_t client : listener->pending)
        if (client == socket.description->record.inode) return true;
    return false;
  }

  Status make_connection(Socket& socket) {
    int ends[2] = {-1, -1};
    const std::string_view peer_name = socket.peer != nullptr ? socket.peer->state.name : socket.state.peer_name;
    if (socket.state.name.empty() && peer_name.empty()) {
      STASIS_TRY(pair_as(socket.state.peer_credentials.pid, socket.state.type, ends));
    } else {
      // The called side has its listener's name. If both have names, either may have called.
      const bool socket_is_called = peer_name.empty() || (socket.peer != nullptr && listener_at(socket.state.name) != nullptr && listener_at(peer_name) == nullptr);
      const image::SocketState& state = socket.state;
      const int peer_pid = state.peer_credentials.pid, own_pid = socket.peer != nullptr ? socket.peer->state.peer_credentials.pid : 0;
      if (socket_is_called) STASIS_TRY(connect_as({peer_name, peer_pid}, {state.name, own_pid}, state.type, ends[1], ends[0]));
      else STASIS_TRY(connect_as({state.name, own_pid}, {peer_name, peer_pid}, state.type, ends[0], ends[1]));
    }
    socket.fd.reset(ends[0]);
    (socket.peer != nullptr ? socket.peer->fd : socket.stand_in).reset(ends[1]);
    return {};
  }

  const Socket* listener_at(std::string_view name) const {
    for (const Socket* socket : sockets_)
      if (socket->state.phase == SocketPhase::listening && socket->state.name == name) return socket;
    return nullptr;
  }

  Status pair_as(int pid, int type, int (&ends)[2]) {
    // Numbers that are known beforehand, for only descriptors come back from there.
    STASIS_TRY_VALUE(UniqueFd first, plain_socket(type));
    STASIS_TRY_VALUE(UniqueFd second, plain_socket(type));
    const auto act = [&]() -> Status {
      int made[2];
      if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, made) != 0) return system_error("make a pair of sockets", -errno);
      ::dup3(made[0], first.get(), O_CLOEXEC), ::dup3(made[1], second.get(), O_CLOEXEC);
      ::close(made[0]), ::close(made[1]);
      return {};
    };
    STASIS_TRY(act_as(*workshop_.ids, pid, act));
    ends[0] = first.release(), ends[1] = second.release();
    return {};
  }

  struct Side {
    std::string_view name;
    int pid;
  };

  Status connect_as(const Side& caller, const Side& called, int type, int& caller_fd, int& called_fd) {
    STASIS_TRY_VALUE(UniqueFd listener, plain_socket(type));
    STASIS_TRY_VALUE(UniqueFd client, plain_socket(type));
    const Status listening = act_as(*workshop_.ids, called.pid, [&]() -> Status {
      STASIS_TRY(name_only(listener.get(), called.name));
      if (::listen(listener.get(), 1) != 0) return system_error("listen", -errno);
      return {};
    });
    if (listening.ok()) names_.note(path_in(called.name));
    if (!listening.ok()) {  // an abstract name that somebody else has: without it, then
      int ends[2];
      STASIS_TRY(pair_as(called.pid, type, ends));
      caller_fd = ends[0], called_fd = ends[1];
      return {};
    }
    const auto act = [&]() -> Status {
      if (!caller.name.empty()) STASIS_TRY(name_only(client.get(), caller.name));
      if (const std::string path = path_in(called.name); !path.empty()) STASIS_TRY(names_.enter(path));
      return connect_to(client.get(), called.name);
    };
    STASIS_TRY(act_as(*workshop_.ids, caller.pid, act));
    names_.note(path_in(caller.name));
    const int accepted = ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (accepted < 0) return system_error("accept", -errno);
    caller_fd = client.release(), called_fd = accepted;
    return {};
  }

  // Binds to a name that need lead nowhere.
  Status name_only(int fd, std::string_view name) const {
    if (const std::string path = path_in(name); !path.empty()) {
      STASIS_TRY(names_.enter(path));
      STASIS_TRY(names_.make_way(path));
    }
    return bind_to(fd, name);
  }

  // A socket without other end, or whose other end is nobody's any more or outside.
  Status make_alone(Socket& socket) {
    const image::SocketState& state = socket.state;
    if (state.phase == SocketPhase::connected && state.type != SOCK_DGRAM) return make_connection(socket);
    if (state.type == SOCK_DGRAM && state.phase == SocketPhase::connected && socket.peer == nullptr && is_mutual(socket)) return make_connection(socket);
    STASIS_TRY_VALUE(socket.fd, new_socket(socket));
    if (state.name.empty() && state.phase != SocketPhase::listening) return {};
    const auto act = [&]() -> Status {
      STASIS_TRY(take_name(socket));
      if (state.phase == SocketPhase::listening && ::listen(socket.fd.get(), state.backlog) != 0) return system_error("listen at " + describe_address(state.name), -errno);
      return {};
    };
    STASIS_TRY(act_as(*workshop_.ids, state.peer_credentials.pid, act));
    note_name(socket);
    return {};
  }

  // After take_name, which was in a process of a moment.
  void note_name(const Socket& socket) {
    if (socket.state.file.empty()) names_.note(path_in(socket.state.name));
    else names_.forget(socket.state.file);
  }

  Status take_name(const Socket& socket) const {
    const image::SocketState& state = socket.state;
    if (state.file.empty()) return name_only(socket.fd.get(), state.name);
    const std::string file(state.file);
    STASIS_TRY(make_directories(file, 0700));
    if (::chdir(base_of(state).c_str()) != 0) return system_error("change to the directory " + base_of(state), -errno);
    ::unlink(file.c_str());  // what check_unix_address found to be left behind
    ::umask(0);
    STASIS_TRY(bind_to(socket.fd.get(), state.name));
    ::chmod(file.c_str(), state.file_mode);
    return {};
  }

  // The connections that the listener has not accepted, in their order.
  Status call_waiting(const Socket& listener) {
    if (listener.state.phase != SocketPhase::listening) return {};
    for (const std::uint64_t inode : listener.pending) {
      const auto found = by_inode_.find(inode);
      if (found == by_inode_.end() || found->second->fd) continue;
      Socket& client = *found->second;
      STASIS_TRY_VALUE(client.fd, new_socket(client));
      const auto act = [&]() -> Status {
        if (!client.state.name.empty()) STASIS_TRY(take_name(client));
        STASIS_TRY(go_to(&listener, listener.state.name));
        return connect_to(client.fd.get(), listener.state.name);
      };
      STASIS_TRY(act_as(*workshop_.ids, holder(client), act));
      note_name(client);
    }
    return {};
  }

  // A process that has the socket, for the kernel notes who connects.
  int holder(const Socket& socket) const {
    for (const image::Image& image : workshop_.computation->members)
      for (const image::DescriptorRecord& descriptor : image.descriptors())
        if (descriptor.description == socket.description->record.id) return image.process().pid;
    return 0;
  }

  Status choose_peer(Socket& socket) {
    const std::string_view name = socket.peer != nullptr ? socket.peer->state.name : socket.state.peer_name;
    if (name.empty()) return {};
    const Status done = act_as(*workshop_.ids, 0, [&]() -> Status {
      STASIS_TRY(go_to(socket.peer, name));
      return connect_to(socket.fd.get(), name);
    });
    // Outside, it may be gone (a log daemon): then what is sent gets an error, as when a daemon is restarted.
    return socket.peer == nullptr ? Status() : done;
  }

  // To where `name`, of `socket` if that is known, leads.
  Status go_to(const Socket* socket, std::string_view name) const {
    if (path_in(name).empty() || socket == nullptr) return {};
    if (socket->state.file.empty()) return names_.enter(path_in(name));
    if (::chdir(base_of(socket->state).c_str()) != 0) return system_error("change to the directory " + base_of(socket->state), -errno);
    return {};
  }

  Status fill(const Socket& socket) {
    for (const SocketMessage& message : socket.messages) {
      if (socket.state.type == SOCK_DGRAM && !is_mutual(socket)) STASIS_TRY(send_datagram(socket, message));
      else STASIS_TRY(send_as(message, socket.peer != nullptr ? socket.peer->fd.get() : socket.stand_in.get(), {}));
    }
    // The peer went without reading all, which is an error here (ECONNRESET): so shall the stand-in.
    if (socket.state.failed && socket.stand_in) ::send(socket.fd.get(), "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    return {};
  }

  Status send_datagram(const Socket& socket, const SocketMessage& message) {
    if (socket.state.name.empty()) return error(ErrorCode::restore_failed, "a datagram for a socket without name");
    UniqueFd stand_in;
    int out = -1;
    for (const Socket* other : sockets_)
      if (!message.sender.empty() && other->state.type == SOCK_DGRAM && other->state.name == message.sender) out = other->fd.get();
    if (out < 0) {
      STASIS_TRY_VALUE(stand_in, plain_socket(SOCK_DGRAM));
      out = stand_in.get();
      // A sender that is gone: its name, where nobody has it.
      if (message.sender.size() > sizeof(sa_family_t) && act_as(*workshop_.ids, 0, [&] { return name_only(out, message.sender); }).ok()) names_.note(path_in(message.sender));
    }
    return send_as(message, out, [&]() -> Result<std::string_view> {
      STASIS_TRY(go_to(&socket, socket.state.name));
      return socket.state.name;
    });
  }

  // Sends as the process that had sent it. `address` is called there, and says where to.
  Status send_as(const SocketMessage& message, int out, const std::function<Result<std::string_view>()>& address) {
    const int wide = 8 << 20;  // as much as the system allows; the size that it had is set with the other options
    ::setsockopt(out, SOL_SOCKET, SO_SNDBUF, &wide, sizeof wide);
    std::vector<int> rights;
    for (const std::uint64_t id : message.rights) {
      const auto own = by_id_.find(id);
      const auto other = workshop_.fds.find(id);
      if (own == by_id_.end() && other == workshop_.fds.end()) return error(ErrorCode::unsupported, "a descriptor in flight of a kind that cannot be sent again");
      rights.push_back(own != by_id_.end() ? own->second->fd.get() : other->second);
    }
    const auto act = [&]() -> Status {
      std::string_view target;
      if (address) {
        STASIS_TRY_VALUE(target, address());
      }
      return send_whole(message, out, target, rights);
    };
    STASIS_TRY(act_as(*workshop_.ids, message.credentials.pid, act));
    return {};
  }

  static Status send_whole(const SocketMessage& message, int out, std::string_view target, const std::vector<int>& rights) {
    std::string_view rest = message.bytes;
    bool first = true;
    do {
      const ssize_t put = send_part(message, out, target, rest, first ? rights : std::vector<int>{});
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return system_error("fill the queue of a UNIX socket", -errno);
      rest.remove_prefix(static_cast<std::size_t>(put));
      first = false;
    } while (!rest.empty());
    return {};
  }

  static ssize_t send_part(const SocketMessage& message, int out, std::string_view target, std::string_view bytes, const std::vector<int>& rights) {
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int) * 253)] = {};
    msghdr header{};
    header.msg_iov = &part, header.msg_iovlen = 1;
    header.msg_name = const_cast<char*>(target.data()), header.msg_namelen = static_cast<socklen_t>(target.size());
    header.msg_control = control;
    const auto add = [&](int type, const void* bytes_of_it, std::size_t size) {
      auto* item = reinterpret_cast<cmsghdr*>(control + header.msg_controllen);
      item->cmsg_level = SOL_SOCKET, item->cmsg_type = type, item->cmsg_len = CMSG_LEN(size);
      std::memcpy(CMSG_DATA(item), bytes_of_it, size);
      header.msg_controllen += CMSG_SPACE(size);
    };
    if (message.credentials.pid > 0) {
      const ucred who{::getpid(), message.credentials.user, message.credentials.group};
      add(SCM_CREDENTIALS, &who, sizeof who);
    }
    if (!rights.empty()) add(SCM_RIGHTS, rights.data(), rights.size() * sizeof(int));
    if (header.msg_controllen == 0) header.msg_control = nullptr;
    return ::sendmsg(out, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  Workshop& workshop_;
  NameOnly names_;
  std::vector<Socket*> sockets_;
  std::map<std::uint64_t, Socket*> by_inode_, by_id_;
};

}  // namespace

Status make_unix_sockets(Workshop& workshop, std::vector<Socket>& all) { return UnixSockets(workshop, all).make(); }

Status check_unix_address(const image::SocketState& socket) {
  if (socket.file.empty() || socket.phase == SocketPhase::connected) return {};
  const std::string file(socket.file), directory = file.substr(0, file.rfind('/') + 1);
  struct stat status{};
  const bool found = ::stat(directory.c_str(), &status) == 0;
  if (!found && errno == ENOENT && has_place(file)) return {};
  if (!found) return errno == ENOENT ? error(ErrorCode::file_missing, directory).with("the directory of a socket") : system_error("stat " + directory, -errno);
  if (::lstat(file.c_str(), &status) != 0) return errno == ENOENT ? Status() : system_error("stat " + file, -errno);
  if (!S_ISSOCK(status.st_mode)) return error(ErrorCode::file_changed, file).with("it was a socket");
  if (is_left_behind(file, socket.type)) return {};
  return error(ErrorCode::restore_failed, "the socket " + file + " is in use by another program");
}

}  // namespace stasis::restart
