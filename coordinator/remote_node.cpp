// See remote_node.hpp.
// World: programs.
#include "coordinator/remote_node.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/proto/authentication.hpp"
#include "core/own_port.hpp"
#include "coordinator/log.hpp"
#include "coordinator/node_stream.hpp"
#include "coordinator/store.hpp"

namespace stasis::coordinator {
namespace {
constexpr std::chrono::seconds kProofLimit{10};
constexpr std::size_t kMostNewcomers = 256;  // who has not proved anything costs no more than this
}  // namespace

RemoteNode::RemoteNode(std::unique_ptr<Connection> connection, const proto::NodeHello& hello)
    : connection_(std::move(connection)), shape_{std::string(hello.part), std::string(hello.host), std::string(hello.launch), hello.parts, 0, std::string(hello.addresses)}, restored_(hello.restored) {
  if (hello.meeting != 0) place_ = {shape_.name, peer_address(connection_->fd()), hello.meeting};
}

void RemoteNode::order(const Order& order) { send_order(*connection_, order); }

std::string RemoteNode::name() const { return "node " + shape_.host + ", part " + shape_.name; }

NodeListener::~NodeListener() {
  for (const Newcomer& newcomer : newcomers_) loop_.forget(newcomer.connection->fd());
  for (const auto& node : nodes_) loop_.forget(node->connection().fd());
  if (listener_ >= 0) loop_.forget(listener_), ::close(listener_);
}

Status NodeListener::open(const std::string& computation, const std::string& key) {
  computation_ = computation, key_ = key;
  listener_ = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_storage address{};
  socklen_t length = sizeof(sockaddr_in6);
  address.ss_family = AF_INET6;
  if (listener_ < 0) {  // a kernel without IPv6
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    length = sizeof(sockaddr_in);
    address.ss_family = AF_INET;
  } else {
    const int both = 0;
    ::setsockopt(listener_, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof both);
  }
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0) return system_error("make a socket", -errno);
  STASIS_TRY(bind_to_own_port(listener_));
  if (::listen(listener_, 4096) != 0 || ::getsockname(listener_, generic, &length) != 0)
    return system_error("listen for the nodes", -errno);
  port_ = ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
  loop_.watch(listener_, [this] { accept_all(); });
  return {};
}

Clock::time_point NodeListener::next_step() const {
  Clock::time_point when = Clock::time_point::max();
  for (const Newcomer& newcomer : newcomers_) when = std::min(when, newcomer.limit);
  return when;
}

void NodeListener::check_time() {
  std::erase_if(newcomers_, [this](const Newcomer& newcomer) {
    if (Clock::now() < newcomer.limit) return false;
    loop_.forget(newcomer.connection->fd());
    return true;
  });
}

void NodeListener::accept_all() {
  for (int fd; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    auto connection = std::make_unique<Connection>(fd);
    if (newcomers_.size() >= kMostNewcomers) continue;
    prepare_node_socket(fd);
    Newcomer newcomer{std::move(connection), proto::random_hex(16), Clock::now() + kProofLimit};
    proto::NodeWelcome welcome;
    welcome.challenge = newcomer.challenge;
    newcomer.connection->send(welcome);
    Connection* const raw = newcomer.connection.get();
    loop_.watch(fd, [this, raw] { read_from_newcomer(raw); });
    newcomers_.push_back(std::move(newcomer));
  }
}

void NodeListener::read_from_newcomer(Connection* connection) {
  const bool alive = connection->read_available();
  Frame frame;
  if (connection->next(frame)) return admit(connection, frame);
  if (alive) return;
  loop_.forget(connection->fd());
  std::erase_if(newcomers_, [&](const Newcomer& one) { return one.connection.get() == connection; });
}

void NodeListener::admit(Connection* connection, const Frame& frame) {
  const auto found = std::find_if(newcomers_.begin(), newcomers_.end(), [&](const Newcomer& one) { return one.connection.get() == connection; });
  Newcomer newcomer = std::move(*found);
  newcomers_.erase(found);
  loop_.forget(connection->fd());
  if (frame.type != proto::MessageType::node_hello) return;
  const auto hello = frame.as<proto::NodeHello>();
  if (hello.computation != computation_ || !proto::is_same_proof(hello.proof, proto::proof(key_, proto::kNodeRole, newcomer.challenge, hello.part))) {
    return log_line("refused somebody who claimed to be a node of this computation and does not know its key");
  }
  if (!audience_.admits(hello)) return log_line("refused node " + std::string(hello.host) + ", part " + std::string(hello.part) + ": the part is there already or not waited for");
  const std::string answer = proto::proof(key_, proto::kRootRole, hello.challenge, hello.part);
  proto::NodeAdmitted admitted;
  admitted.proof = answer;
  connection->send(admitted);
  nodes_.push_back(std::make_unique<RemoteNode>(std::move(newcomer.connection), hello));
  RemoteNode* const node = nodes_.back().get();
  loop_.watch(connection->fd(), [this, node] { read_from(node); });
  audience_.came(*node);
}

void NodeListener::read_from(RemoteNode* node) {
  const bool alive = node->connection().read_available();
  for (Frame frame; node->connection().next(frame);) {
    if (frame.type == proto::MessageType::node_report) audience_.reported(*node, to_report(frame));
  }
  if (!alive) drop(node);
}

void NodeListener::drop(RemoteNode* node) {
  audience_.lost(*node);
  loop_.forget(node->connection().fd());
  std::erase_if(nodes_, [&](const auto& one) { return one.get() == node; });
}

}  // namespace stasis::coordinator
