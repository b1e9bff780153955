// See remote_root.hpp.
// World: programs.
#include "coordinator/remote_root.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "core/proto/authentication.hpp"
#include "coordinator/log.hpp"
#include "coordinator/node_stream.hpp"
#include "coordinator/store.hpp"
#include "coordinator/this_node.hpp"
#include "core/environment.hpp"
#include "core/own_port.hpp"

namespace stasis::coordinator {
namespace {
constexpr std::chrono::seconds kStartLimit{60};  // for whoever started us to register the first process
}

Status RemoteRoot::open() {
  open_log(settings_.node.store + "/" + part_log_name(settings_.node.part));
  STASIS_TRY(loop_.open());
  STASIS_TRY(node_.open(settings_.node));
  return connect_to_root();
}

Status RemoteRoot::connect_to_root() {
  const std::string where = settings_.host + " port " + std::to_string(settings_.port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int problem = ::getaddrinfo(settings_.host.c_str(), std::to_string(settings_.port).c_str(), &hints, &found); problem != 0)
    return error(ErrorCode::no_coordinator, where).with(::gai_strerror(problem));
  int reason = ECONNREFUSED;
  for (const addrinfo* one = found; one != nullptr && root_ == nullptr; one = one->ai_next) {
    const int fd = ::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    prepare_node_socket(fd);
    if (bind_to_own_port(fd).ok() && ::connect(fd, one->ai_addr, one->ai_addrlen) == 0) root_ = std::make_unique<Connection>(fd);
    else reason = errno, ::close(fd);
  }
  ::freeaddrinfo(found);
  if (root_ == nullptr) return system_error("connect to the root coordinator at " + where, -reason);
  loop_.watch(root_->fd(), [this] { read_from_root(); });
  return {};
}

int RemoteRoot::run() {
  const Clock::time_point start_limit = Clock::now() + kStartLimit;
  while (!ended_) {
    Clock::time_point until = node_.next_step();
    const bool waits = !node_.is_started() && settings_.node.restored == 0;
    if (waits) until = std::min(until, start_limit);
    loop_.wait(until);
    node_.advance();
    if (node_.is_started()) say_hello();
    if (waits && Clock::now() >= start_limit) ended_ = true;
  }
  log_line("part " + settings_.node.part + " has ended");
  return 0;
}

void RemoteRoot::read_from_root() {
  const bool alive = root_->read_available();
  for (Frame frame; root_ != nullptr && root_->next(frame);) handle(frame);
  if (root_ != nullptr && !alive) lose_root("the root coordinator is gone, the processes run on");
}

void RemoteRoot::handle(const Frame& frame) {
  if (frame.type == proto::MessageType::node_welcome && challenge_.empty()) {
    challenge_ = frame.as<proto::NodeWelcome>().challenge;
    if (settings_.node.restored != 0) say_hello();
    return;
  }
  if (frame.type == proto::MessageType::node_admitted && !own_challenge_.empty()) {
    if (!proto::is_same_proof(frame.as<proto::NodeAdmitted>().proof, proto::proof(settings_.node.key, proto::kRootRole, own_challenge_, settings_.node.part)))
      return lose_root("what answers in the root's place does not know the key");
    admitted_ = true;
    if (settings_.meeting != 0) starter_.say_place({store_layout::kRootPart, peer_address(root_->fd()), 0});
    for (const Report& report : std::exchange(held_, {})) send_report(*root_, report);
    return;
  }
  if (frame.type == proto::MessageType::node_order && admitted_) {
    const Order order = to_order(frame);
    if (order.kind == OrderKind::meet) return starter_.say_place(order.place);
    node_.order(order);
    if (node_.is_started()) starter_.say_running();
    return;
  }
  lose_root("the root coordinator says something unexpected");
}

// Once: when the processes are there, so that the root can count on this part.
void RemoteRoot::say_hello() {
  if (root_ == nullptr || challenge_.empty() || !own_challenge_.empty()) return;
  own_challenge_ = proto::random_hex(16);
  const std::string answer = proto::proof(settings_.node.key, proto::kNodeRole, challenge_, settings_.node.part), host = host_name(), addresses = node_addresses();
  proto::NodeHello hello;
  hello.computation = settings_.computation;
  hello.part = settings_.node.part;
  hello.host = host;
  hello.launch = settings_.launch;
  hello.parts = settings_.parts;
  hello.restored = settings_.node.restored;
  hello.challenge = own_challenge_;
  hello.proof = answer;
  hello.addresses = addresses;
  hello.meeting = settings_.meeting;
  root_->send(hello);
}

void RemoteRoot::lose_root(const std::string& why) {
  log_line(settings_.node.part + ": " + why);
  loop_.forget(root_->fd());
  root_.reset();
  admitted_ = false;
  node_.order({OrderKind::abandon, 0, false, 0, {}});
  if (node_.is_started()) return;
  starter_.say_failed(error(ErrorCode::restore_failed, why));
  ended_ = true;
}

void RemoteRoot::reported(const Report& report) {
  if (report.kind == ReportKind::empty) ended_ = true;
  if (report.kind == ReportKind::notice && root_ == nullptr) return node_.order({OrderKind::deliver, 0, false, report.signal, {}});
  if (root_ == nullptr) return;
  if (admitted_) send_report(*root_, report);
  else held_.push_back(report);
}

void RemoteRoot::requested(Connection& connection, const proto::Request&) {
  reply(connection, error(ErrorCode::rejected), "the root coordinator answers, on " + settings_.host);
}

}  // namespace stasis::coordinator
