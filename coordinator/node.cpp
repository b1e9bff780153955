// See node.hpp.
// World: programs.
#include "coordinator/node.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "coordinator/log.hpp"
#include "coordinator/store.hpp"
#include "core/environment.hpp"

namespace stasis::coordinator {
namespace {
constexpr std::chrono::milliseconds kNoticeFollows{100};
}

void reply(Connection& connection, const Error& failure, const std::string& text, const std::string& json) {
  proto::Reply reply;
  reply.code = failure.code;
  reply.sys_errno = failure.sys_errno;
  reply.text = text;
  reply.json = json;
  connection.send(reply);
}

Node::~Node() {
  for (const auto& connection : connections_) loop_.forget(connection->fd());
  if (watched_fd_ >= 0) loop_.forget(watched_fd_), ::close(watched_fd_);
  if (run_.listener >= 0) {
    loop_.forget(run_.listener);
    remove_run_directory(run_);
  }
}

Status Node::open(const Settings& settings) {
  settings_ = settings;
  STASIS_TRY_VALUE(run_, make_run_directory(settings.computation, settings.store));
  loop_.watch(run_.listener, [this] { accept_all(); });
  return {};
}

std::vector<std::int32_t> Node::roots() const {
  return watched_pid_ == root_ && root_ != 0 ? std::vector<std::int32_t>{root_} : std::vector<std::int32_t>{};
}

Census Node::census() const { return take_census(run_.members, settings_.computation, roots()); }

Clock::time_point Node::next_step() const {
  Clock::time_point when = Clock::time_point::max();
  if (current_ && !current_->is_over()) when = current_->next_step();
  for (const Undecided& one : undecided_) when = std::min(when, one.limit);
  return when;
}

void Node::accept_all() {
  for (int fd; (fd = ::accept4(run_.listener, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    auto connection = std::make_unique<Connection>(fd);
    if (!connection->is_own_user()) continue;
    Connection* const raw = connection.get();
    connections_.push_back(std::move(connection));
    loop_.watch(fd, [this, raw] { read_from(raw); });
  }
}

void Node::read_from(Connection* connection) {
  const bool alive = connection->read_available();
  for (Frame frame; connection->next(frame);) handle(*connection, frame);
  if (!alive) drop(connection);
}

void Node::drop(Connection* connection) {
  if (current_) current_->lose(*connection);
  owner_.gone(*connection);
  std::erase_if(undecided_, [&](const Undecided& one) { return one.connection == connection; });
  if (std::erase(restored_, connection) != 0) fail(error(ErrorCode::restore_failed, "process " + std::to_string(connection->pid()) + " was lost"));
  loop_.forget(connection->fd());
  std::erase_if(connections_, [&](const auto& one) { return one.get() == connection; });
}

void Node::handle(Connection& connection, const Frame& frame) {
  switch (frame.type) {
    case proto::MessageType::hello: return handle_hello(connection, frame);
    case proto::MessageType::restored: return handle_restored(connection);
    case proto::MessageType::notice: return handle_notice(connection, frame);
    case proto::MessageType::request: return handle_request(connection, frame);
    default:
      if (current_) current_->take(connection, frame);
  }
}

void Node::handle_hello(Connection& connection, const Frame& frame) {
  const auto hello = frame.as<proto::Hello>();
  if (hello.computation != settings_.computation) {
    connection.send(proto::Decline{});
    return;
  }
  if (hello.restored) return;  // Restored follows
  if (current_ && current_->take_hello(connection)) return;
  undecided_.push_back({&connection, Clock::now() + kNoticeFollows});
}

// Who said Hello and was not called: a Notice follows at once, or the signal was an old one or a stranger's.
void Node::decide_late_hellos() {
  std::erase_if(undecided_, [this](const Undecided& one) {
    if (current_ && current_->take_hello(*one.connection)) return true;
    if (Clock::now() < one.limit) return false;
    one.connection->send(proto::Decline{});
    return true;
  });
}

void Node::handle_restored(Connection& connection) {
  restored_.push_back(&connection);
  if (restored_.size() == settings_.expect) report(ReportKind::restored);
}

// The signal is held; if the root cannot answer it with a last checkpoint, it orders us to deliver it.
void Node::handle_notice(Connection& connection, const Frame& frame) {
  std::erase_if(undecided_, [&](const Undecided& one) { return one.connection == &connection; });
  proto::NoticeAnswer held;
  held.held = true;
  connection.send(held);
  Report notice;
  notice.kind = ReportKind::notice;
  notice.signal = frame.as<proto::Notice>().signal;
  owner_.reported(notice);
}

void Node::handle_request(Connection& connection, const Frame& frame) {
  const auto request = frame.as<proto::Request>();
  if (request.key != settings_.key) return reply(connection, error(ErrorCode::rejected), "the key is wrong");
  if (request.verb == proto::Verb::register_root) return register_root(connection, request.pid);
  owner_.requested(connection, request);
}

void Node::register_root(Connection& connection, std::int32_t pid) {
  root_ = pid;
  started_ = true;
  watch(pid);
  if (watched_fd_ < 0) watch_next();
  reply(connection, {}, "registered");
}

void Node::order(const Order& order) {
  switch (order.kind) {
    case OrderKind::quiesce: return quiesce(order);
    case OrderKind::record:
      if (current_) current_->record();
      return report_progress();
    case OrderKind::sync: return sync_images();
    case OrderKind::resume: return resume();
    case OrderKind::abandon:
      if (current_ && current_->phase() == NodePhase::written) current_->resume();
      else if (current_) current_->abandon(error(ErrorCode::abandoned, "by the root"));
      current_.reset();
      return;
    case OrderKind::end: return end();
    case OrderKind::deliver:
      if (root_ != 0) ::kill(root_, order.signal);
      else if (watched_pid_ != 0) ::kill(watched_pid_, order.signal);
      return;
  }
}

void Node::quiesce(const Order& order) {
  generation_ = order.generation;
  NodeCheckpoint::Wish wish;
  wish.generation = order.generation;
  wish.exit_after = order.exit_after;
  wish.image_directory = store::generation_directory(settings_.store, order.generation) + "/" + settings_.part;
  if (::mkdir(wish.image_directory.c_str(), 0700) != 0) return fail(system_error("create " + wish.image_directory, -errno));
  current_.emplace(wish, run_.members, settings_.computation, roots());
  reported_ = NodePhase::quiesce;
}

void Node::advance() {
  if (current_) current_->step();
  decide_late_hellos();
  report_progress();
}

// Tells the root once what the current checkpoint has come to.
void Node::report_progress() {
  if (!current_ || current_->phase() == reported_) return;
  reported_ = current_->phase();
  if (reported_ == NodePhase::stopped) return report(ReportKind::stopped);
  if (reported_ == NodePhase::abandoned) {
    const Error failure = current_->failure();
    current_.reset();
    return fail(failure);
  }
  if (reported_ != NodePhase::written) return;
  images_ = current_->images();
  Report recorded;
  recorded.kind = ReportKind::recorded;
  recorded.generation = generation_;
  recorded.root = root_;
  recorded.stopped_us = current_->stopped_us();
  recorded.images = images_;
  owner_.reported(recorded);
}

void Node::sync_images() {
  if (const Status synced = sync_part(images_); !synced) return fail(synced.error());
  report(ReportKind::synced);
}

void Node::resume() {
  if (current_) current_->resume();
  current_.reset();
  if (restored_.empty()) return;
  for (Connection* member : restored_) member->send(proto::Resume{});
  restored_.clear();
  started_ = true;
  watch_next();
}

void Node::end() {
  current_.reset();
  kill_all();
  report(ReportKind::ended);
}

void Node::report(ReportKind kind) {
  Report report;
  report.kind = kind;
  report.generation = generation_;
  owner_.reported(report);
}

void Node::fail(const Error& failure) {
  Report report;
  report.kind = ReportKind::failed;
  report.generation = generation_;
  report.failure = failure;
  owner_.reported(report);
}

void Node::kill_all() {
  for (;;) {
    const Census all = census();
    // All stand still before the first one ends: nobody shall see another's end and say or write something about it.
    for (const auto& [pid, process] : all.members) ::kill(pid, SIGSTOP);
    for (const Process& process : all.pending) ::kill(process.pid, SIGSTOP);
    std::vector<pollfd> gone;
    const auto end = [&gone](std::int32_t pid) {
      const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
      if (fd < 0) return;
      ::kill(pid, SIGKILL);
      gone.push_back({fd, POLLIN, 0});
    };
    for (const auto& [pid, process] : all.members) end(pid);
    for (const Process& process : all.pending) end(process.pid);
    if (gone.empty()) return;
    for (pollfd& one : gone) {
      ::poll(&one, 1, 10'000);
      ::close(one.fd);
    }
  }
}

void Node::watch(std::int32_t pid) {
  if (watched_fd_ >= 0) loop_.forget(watched_fd_), ::close(watched_fd_);
  watched_fd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  watched_pid_ = pid;
  if (watched_fd_ >= 0) loop_.watch(watched_fd_, [this] { watch_next(); });
}

// When the watched process has ended: the next one that lives, or the end.
void Node::watch_next() {
  if (watched_pid_ == root_) root_ = 0;
  do {
    const Census all = take_census(run_.members, settings_.computation, {});
    std::int32_t pid = 0;
    if (!all.members.empty()) pid = all.members.begin()->first;
    else if (!all.pending.empty()) pid = all.pending.front().pid;
    watch(pid);
    if (pid == 0) return report(ReportKind::empty);
  } while (watched_fd_ < 0);
}

}  // namespace stasis::coordinator
