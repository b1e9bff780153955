// See meeting.hpp.
// World: programs, the first process of the new namespace.
#include "restart_wrapper/meeting.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <tuple>

#include "core/proto/authentication.hpp"
#include "core/environment.hpp"
#include "core/own_port.hpp"
#include "core/proto/framed.hpp"

namespace stasis::restart {
namespace {

constexpr std::string_view kRole = "meeting";
constexpr int kProofLimitMs = 10'000;  // for whoever calls to say who it is

template <class Message>
Message read(const std::string& payload) {  // points into payload
  Message message;
  stasis::Reader reader(payload);
  reader.record(message);
  return message;
}

std::vector<proto::QueuedBytes> pieces(const std::vector<SocketMessage>& messages) {
  std::vector<proto::QueuedBytes> all;
  for (const SocketMessage& message : messages) all.push_back({message.bytes, message.urgent});
  return all;
}

std::vector<SocketMessage> messages(const Sequence<proto::QueuedBytes>& pieces) {
  std::vector<SocketMessage> all;
  pieces.for_each([&](const proto::QueuedBytes& piece) {
    all.emplace_back();
    all.back().bytes = piece.bytes, all.back().urgent = piece.urgent;
  });
  return all;
}

bool is_loopback(const InetAddress& address) {
  return address.is_four() ? address.host[12] == 127 : address.host == address.loopback().host;
}

std::string number_of(const InetAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.is_four()) ::inet_ntop(AF_INET, address.host.data() + 12, text, sizeof text);
  else ::inet_ntop(AF_INET6, address.host.data(), text, sizeof text);
  return text;
}

InetAddress peer_of(int fd) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
  return InetAddress::from({reinterpret_cast<const char*>(&peer), size});
}

// Who launches a part comes before it. Among others the order is the same for all.
std::vector<store::ManifestPart> in_order(const store::Manifest& manifest) {
  const auto launcher_of = [&](const store::ManifestPart& part) -> const store::ManifestPart* {
    for (const store::ManifestPart& other : manifest.parts)
      for (const store::ManifestImage& image : manifest.images_of(other.name))
        if (!part.launch.empty() && image.launch == part.launch) return &other;
    return nullptr;
  };
  std::vector<std::tuple<std::size_t, std::string, std::string, const store::ManifestPart*>> order;
  for (const store::ManifestPart& part : manifest.parts) {
    std::size_t depth = 0;
    for (const store::ManifestPart* one = launcher_of(part); one != nullptr && depth != manifest.parts.size(); one = launcher_of(*one)) ++depth;
    order.emplace_back(part.name == store_layout::kRootPart ? 0 : depth + 1, part.host, part.name, &part);
  }
  std::sort(order.begin(), order.end());
  std::vector<store::ManifestPart> parts;
  for (const auto& [depth, host, name, part] : order) parts.push_back(*part);
  return parts;
}

}  // namespace

Meeting::Meeting(const store::Manifest& manifest, const std::string& part, int control_fd) : control_fd_(control_fd) {
  for (store::ManifestPart& one : in_order(manifest)) {
    if (one.name == part) own_ = parts_.size();
    parts_.push_back({std::move(one), {}, false});
  }
}

Result<Meeting::Listener> Meeting::listen(int family) {
  Listener listener;
  listener.fd.reset(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listener.fd) return system_error("make a socket", -errno);
  STASIS_TRY(bind_to_own_port(listener.fd.get()));
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::listen(listener.fd.get(), 4096) != 0 || ::getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) return system_error("listen for other parts", -errno);
  listener.port = ntohs(InetAddress::from({reinterpret_cast<const char*>(&bound), size}).port);
  return listener;
}

// A socket that is accepted is of its listener's family, so there is one for each: that for IPv6 takes IPv4, too.
Status Meeting::open() {
  STASIS_TRY_VALUE(four_, listen(AF_INET));
  if (Result<Listener> six = listen(AF_INET6); six.ok()) six_ = std::move(*six);  // a kernel may be without
  return {};
}

std::set<std::size_t> Meeting::parts_with(const InetAddress& peer) const {
  std::set<std::size_t> found;
  const std::string wanted = number_of(peer);
  for (std::size_t i = 0; i != parts_.size(); ++i) {
    const store::ManifestPart& shape = parts_[i].shape;
    if (i == own_) continue;
    std::istringstream words(shape.addresses);
    bool is_there = is_loopback(peer) && shape.host == parts_[own_].shape.host;
    for (std::string word; !is_loopback(peer) && words >> word;) is_there = is_there || word == wanted;
    if (is_there) found.insert(i);
  }
  return found;
}

std::set<std::size_t> Meeting::parts_with(const Socket& socket) const {
  return socket.state.peer_name.empty() ? std::set<std::size_t>() : parts_with(InetAddress::from(socket.state.peer_name));
}

bool Meeting::may_be_asked_for(const Socket& socket) const {
  const std::set<std::size_t> parts = parts_with(socket);
  return !parts.empty() && *parts.begin() < own_;
}

bool Meeting::may_call(const Socket& socket) const {
  const std::set<std::size_t> parts = parts_with(socket);
  return !parts.empty() && *parts.rbegin() > own_;
}

Status Meeting::keep(const Socket& socket, HighNumbers& numbers) {
  Caller caller;
  STASIS_TRY_VALUE(caller.fd, numbers.copy(socket.fd.get()));
  caller.state = socket.state;
  caller.messages = socket.messages;
  caller.left = parts_with(socket);
  std::erase_if(caller.left, [this](std::size_t part) { return part < own_; });
  callers_.push_back(std::move(caller));
  return {};
}

// Waits for `fd`, as long as the attempt goes on. -1 ms: for ever.
Status Meeting::watch(int fd, short events, int limit_ms) const {
  for (;;) {
    pollfd all[] = {{fd, events, 0}, {control_fd_, POLLRDHUP, 0}, {voice_->fd(), POLLIN, 0}};
    const int ready = ::poll(all, 3, limit_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return system_error("wait for another part", -errno);
    if (ready == 0) return error(ErrorCode::restore_failed, "another part does not answer");
    if (all[1].revents != 0) return error(ErrorCode::restore_failed, "the outer process is gone");
    if (all[2].revents != 0) STASIS_TRY(voice_->listen("running"));
    if (all[0].revents != 0) return {};
  }
}

Status Meeting::send_all(int fd, std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t put = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put > 0) bytes.remove_prefix(static_cast<std::size_t>(put));
    else if (errno == EAGAIN) STASIS_TRY(watch(fd, POLLOUT, -1));
    else if (errno != EINTR) return system_error("talk to another part", -errno);
  }
  return {};
}

// The payload. Nothing behind it is taken: it is the program's.
Result<std::string> Meeting::read_frame(int fd, proto::MessageType type, int limit_ms) const {
  const auto exactly = [&](char* to, std::size_t size) -> Status {
    while (size != 0) {
      STASIS_TRY(watch(fd, POLLIN, limit_ms));
      const ssize_t got = ::recv(fd, to, size, MSG_DONTWAIT);
      if (got == 0) return error(ErrorCode::restore_failed, "another part has closed its connection");
      if (got < 0 && errno != EINTR && errno != EAGAIN) return system_error("listen to another part", -errno);
      if (got > 0) to += got, size -= static_cast<std::size_t>(got);
    }
    return {};
  };
  proto::FrameHeader header;
  STASIS_TRY(exactly(reinterpret_cast<char*>(&header), sizeof header));
  if (!proto::is_valid(header) || header.type != static_cast<std::uint16_t>(type)) return error(ErrorCode::protocol, "another part says something unexpected");
  std::string payload(header.length, '\0');
  STASIS_TRY(exactly(payload.data(), payload.size()));
  return payload;
}

Status Meeting::receive(const std::vector<Socket*>& ends, const std::vector<Socket*>& listeners) {
  ends_ = ends, listeners_ = listeners;
  for (const Socket* listener : listeners) own_listeners_.emplace_back(listener->state.name, port_of(listener->fd.get()));
  const auto waits = [this] { return std::any_of(parts_.begin(), parts_.begin() + static_cast<std::ptrdiff_t>(own_), [](const Part& part) { return !part.is_done; }); };
  while (waits()) {
    STASIS_TRY(call_told());
    pollfd all[] = {{four_.fd.get(), POLLIN, 0}, {six_.fd.get(), POLLIN, 0}, {control_fd_, POLLRDHUP, 0}, {voice_->fd(), POLLIN, 0}};
    if (::poll(all, 4, -1) < 0 && errno != EINTR) return system_error("wait for other parts", -errno);
    if (all[2].revents != 0) return error(ErrorCode::restore_failed, "the outer process is gone");
    if (all[3].revents != 0) STASIS_TRY(voice_->listen("running"));
    if (all[0].revents != 0) STASIS_TRY(serve(four_, AF_INET));
    if (all[1].revents != 0) STASIS_TRY(serve(six_, AF_INET6));
  }
  has_received_ = true;
  ends_.clear(), listeners_.clear();
  four_.fd.reset(), six_.fd.reset();
  return {};
}

// Somebody who does not know the key, or goes away, is no matter.
Status Meeting::serve(const Listener& listener, int family) {
  UniqueFd connection(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection) return {};
  const std::string challenge = proto::random_hex(16);
  proto::MeetingWelcome welcome;
  welcome.challenge = challenge;
  if (!send_all(connection.get(), proto::framed(welcome)).ok()) return {};
  const Result<std::string> said = read_frame(connection.get(), proto::MessageType::meeting_hail, kProofLimitMs);
  if (!said.ok()) return {};
  const auto hail = read<proto::MeetingHail>(*said);
  if (!proto::is_same_proof(hail.proof, proto::proof(key_, kRole, challenge, hail.part))) return {};
  if (!hail.is_all) return answer(std::move(connection), hail, family);
  for (std::size_t i = 0; i != own_; ++i) {
    if (parts_[i].shape.name != hail.part) continue;
    parts_[i].is_done = true;
    parts_[i].place.address = number_of(peer_of(connection.get()));  // it has been told of, but that may still be under way
    hail.listeners.for_each([&](const proto::ListenerPlace& one) { listening_[InetAddress::from(one.name)] = {i, one.port}; });
  }
  return send_all(connection.get(), proto::framed(proto::MeetingAnswer{}));
}

Status Meeting::answer(UniqueFd connection, const proto::MeetingHail& hail, int family) {
  const InetAddress name = InetAddress::from(hail.peer), peer = InetAddress::from(hail.name);
  proto::MeetingAnswer answer;
  for (const Socket* listener : listeners_) {
    const InetAddress place = InetAddress::from(listener->state.name);
    if (place.port != name.port || (place.host != name.host && !place.is_any())) continue;
    answer.outcome = proto::MeetingOutcome::listening;
    answer.port = port_of(listener->fd.get());
  }
  const auto end = std::find_if(ends_.begin(), ends_.end(), [&](const Socket* one) {
    return !one->fd && InetAddress::from(one->state.name) == name && InetAddress::from(one->state.peer_name) == peer;
  });
  if (end == ends_.end()) return send_all(connection.get(), proto::framed(answer));
  Socket& socket = **end;
  if (socket.state.domain != family) {
    answer.outcome = proto::MeetingOutcome::again;
    answer.port = family == AF_INET ? six_.port : four_.port;
    return send_all(connection.get(), proto::framed(answer));
  }
  const std::vector<proto::QueuedBytes> queue = pieces(socket.messages);
  answer.outcome = proto::MeetingOutcome::here;
  answer.port = 0;
  answer.queue = {queue.data(), static_cast<std::uint32_t>(queue.size())};
  STASIS_TRY(send_all(connection.get(), proto::framed(answer)));
  STASIS_TRY(send_queue(connection.get(), messages(hail.queue)));
  STASIS_TRY(await_queue(connection.get(), socket.messages));
  socket.fd = std::move(connection);
  socket.has_met = true;
  return {};
}

void Meeting::take_places() {
  for (; !voice_->places().empty(); voice_->places().pop_front())
    for (Part& part : parts_)
      if (part.shape.name == voice_->places().front().part) part.place = voice_->places().front();
}

// Calls the later parts that are there, also those of which we are told while we call others.
Status Meeting::call_told() {
  do {
    take_places();
    for (std::size_t i = own_ + 1; i < parts_.size(); ++i)
      if (!parts_[i].is_done && !parts_[i].place.port.empty()) STASIS_TRY(call_part(i));
  } while (!voice_->places().empty());
  return {};
}

Status Meeting::call_part(std::size_t index) {
  for (Caller& caller : callers_)
    if (caller.fd >= 0 && caller.left.contains(index)) STASIS_TRY(call(caller, index));
  // While it is not known who has the other end of one, the part may still have to be asked for it.
  const bool undecided = std::any_of(ends_.begin(), ends_.end(), [&](const Socket* end) { return !end->fd && parts_with(*end).contains(index); });
  return undecided ? Status() : say_all(index);
}

Status Meeting::connect(int fd, int family, const std::string& address, std::uint16_t port) const {
  if (port_of(fd) == 0) STASIS_TRY(bind_to_own_port(fd));
  addrinfo hints{};
  hints.ai_family = family, hints.ai_socktype = SOCK_STREAM, hints.ai_flags = AI_NUMERICHOST | (family == AF_INET6 ? AI_V4MAPPED : 0);
  addrinfo* found = nullptr;
  const std::string where = address + " port " + std::to_string(port);
  if (const int problem = ::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found); problem != 0)
    return error(ErrorCode::restore_failed, "another part is at " + where + ", where a connection of the old kind cannot go: " + ::gai_strerror(problem));
  int result = ::connect(fd, found->ai_addr, found->ai_addrlen) == 0 ? 0 : errno;
  ::freeaddrinfo(found);
  if (result == EINPROGRESS || result == EINTR) {
    STASIS_TRY(watch(fd, POLLOUT, -1));
    socklen_t size = sizeof result;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &size);
  }
  return result == 0 ? Status() : Status(system_error("connect to another part at " + where, -result));
}

// The payload of the answer.
Result<std::string> Meeting::ask(int fd, std::size_t index, std::uint16_t port, proto::MeetingHail hail) const {
  int family = AF_INET;
  socklen_t size = sizeof family;
  ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size);
  STASIS_TRY(connect(fd, family, parts_[index].place.address, port));
  STASIS_TRY_VALUE(const std::string said, read_frame(fd, proto::MessageType::meeting_welcome, -1));
  const std::string proof = proto::proof(key_, kRole, read<proto::MeetingWelcome>(said).challenge, parts_[own_].shape.name);
  hail.part = parts_[own_].shape.name;
  hail.proof = proof;
  STASIS_TRY(send_all(fd, proto::framed(hail)));
  return read_frame(fd, proto::MessageType::meeting_answer, -1);
}

// Makes it a socket that can connect again (connect(2), AF_UNSPEC).
Status disconnect(int fd) {
  const sockaddr none{AF_UNSPEC, {}};
  return ::connect(fd, &none, sizeof none) == 0 ? Status() : Status(system_error("disconnect a socket", -errno));
}

Status Meeting::call(Caller& caller, std::size_t index) {
  proto::MeetingHail hail;
  const std::vector<proto::QueuedBytes> queue = pieces(caller.messages);
  hail.name = caller.state.name, hail.peer = caller.state.peer_name;
  hail.queue = {queue.data(), static_cast<std::uint32_t>(queue.size())};
  int low = 1;
  socklen_t size = sizeof low;
  ::getsockopt(caller.fd, SOL_SOCKET, SO_RCVLOWAT, &low, &size);
  const int one = 1;
  ::setsockopt(caller.fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
  auto port = static_cast<std::uint16_t>(std::stoul(parts_[index].place.port));
  for (;;) {
    STASIS_TRY_VALUE(const std::string said, ask(caller.fd, index, port, hail));
    const auto answer = read<proto::MeetingAnswer>(said);
    if (answer.outcome == proto::MeetingOutcome::here) {
      STASIS_TRY(send_queue(caller.fd, messages(answer.queue)));
      STASIS_TRY(await_queue(caller.fd, caller.messages));
      break;
    }
    STASIS_TRY(disconnect(caller.fd));
    if (answer.outcome == proto::MeetingOutcome::again) {
      port = answer.port;
      continue;
    }
    if (answer.outcome == proto::MeetingOutcome::listening && !caller.state.peer_shut) {
      STASIS_TRY(connect(caller.fd, caller.state.domain, parts_[index].place.address, answer.port));
      break;
    }
    caller.left.erase(index);
    ::setsockopt(caller.fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
    return {};
  }
  ::setsockopt(caller.fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
  caller.left.clear();
  return end_calls(caller);
}

// The connection is there, as it was.
Status Meeting::end_calls(Caller& caller) const {
  if (caller.state.write_shut) ::shutdown(caller.fd, SHUT_WR);
  if (caller.state.read_shut && !caller.state.peer_shut) ::shutdown(caller.fd, SHUT_RD);
  ::close(std::exchange(caller.fd, -1));
  return {};
}

Status Meeting::say_all(std::size_t index) {
  const UniqueFd connection(::socket(parts_[index].place.address.find(':') == std::string::npos ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!connection) return system_error("make a socket", -errno);
  proto::MeetingHail hail;
  hail.is_all = true;
  std::vector<proto::ListenerPlace> places;
  for (const auto& [name, port] : own_listeners_) places.push_back({name, port});
  hail.listeners = {places.data(), static_cast<std::uint32_t>(places.size())};
  STASIS_TRY_VALUE(const std::string said, ask(connection.get(), index, static_cast<std::uint16_t>(std::stoul(parts_[index].place.port)), hail));
  parts_[index].is_done = true;
  return {};
}

Result<UniqueFd> Meeting::call_earlier_listener(const Socket& socket) const {
  if (socket.state.peer_shut) return UniqueFd();
  const InetAddress target = InetAddress::from(socket.state.peer_name);
  for (const auto& [name, where] : listening_) {
    if (name.port != target.port || (name.host != target.host && !name.is_any()) || !parts_with(target).contains(where.first)) continue;
    STASIS_TRY_VALUE(UniqueFd fd, new_socket(socket));
    STASIS_TRY(connect(fd.get(), socket.state.domain, parts_[where.first].place.address, where.second));
    return fd;
  }
  return UniqueFd();
}

Status Meeting::call_all() {
  for (;;) {
    STASIS_TRY(call_told());
    if (std::all_of(parts_.begin() + static_cast<std::ptrdiff_t>(own_) + 1, parts_.end(), [](const Part& part) { return part.is_done; })) break;
    pollfd all[] = {{control_fd_, POLLRDHUP, 0}, {voice_->fd(), POLLIN, 0}};
    if (::poll(all, 2, -1) < 0 && errno != EINTR) return system_error("wait for other parts", -errno);
    if (all[0].revents != 0) return error(ErrorCode::restore_failed, "the outer process is gone");
    if (all[1].revents != 0) STASIS_TRY(voice_->listen("running"));
  }
  for (Caller& caller : callers_) {
    if (caller.fd < 0) continue;
    STASIS_TRY(connect_to_nobody(caller.fd, caller.state.domain, caller.messages));
    STASIS_TRY(end_calls(caller));
  }
  return {};
}

}  // namespace stasis::restart
