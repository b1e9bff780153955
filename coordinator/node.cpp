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

#include "coordinator/kill_all.hpp"
#include "coordinator/log.hpp"
#include "coordinator/store.hpp"
#include "core/environment.hpp"

namespace stasis::coordinator {
namespace {

constexpr std::chrono::milliseconds kCallFollows{100};
constexpr std::chrono::seconds kResumeLimit{10};
constexpr int kDrainPatienceMs = 10'000;  // for slurmstepd to make room in a pipe

std::vector<Launch> launches(const std::vector<Launcher>& launchers) {
  std::vector<Launch> all;
  for (const Launcher& launcher : launchers) all.push_back({launcher.launch, launcher.process.parent, launcher.undrained});
  return all;
}

// Writes the marker into the pipe that was the task's `stream`. False if it is none, and what was written has arrived where it belongs.
// Opened anew, since flags of the task's own description are the task's.
Result<bool> put_marker(int stream, std::string_view text) {
  const int inherited = stream == 1 ? kTaskOutput : kTaskError;
  const std::string path = "/proc/self/fd/" + std::to_string(inherited), name = stream == 1 ? "standard output" : "standard error";
  struct stat status{};
  if (::fstat(inherited, &status) != 0) return false;  // the task had none
  if (S_ISREG(status.st_mode) || S_ISCHR(status.st_mode)) return false;
  if (!S_ISFIFO(status.st_mode)) return error(ErrorCode::unsupported, "the task's " + name + " is neither a pipe nor a file");
  const int fd = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return errno == ENXIO ? Result<bool>(false) : system_error("open the task's " + name, -errno);
  ssize_t put;
  for (;;) {
    put = ::write(fd, text.data(), text.size());
    pollfd room{fd, POLLOUT, 0};
    if (put >= 0 || (errno != EINTR && (errno != EAGAIN || ::poll(&room, 1, kDrainPatienceMs) <= 0))) break;
  }
  const int reason = put < 0 ? errno : 0;
  ::close(fd);
  if (reason == EPIPE) return false;  // nobody reads it any more
  if (reason == EAGAIN) return error(ErrorCode::hung, "slurmstepd does not read the task's " + name);
  if (reason != 0) return system_error("write to the task's " + name, -reason);
  return true;
}

}  // namespace

void reply(Connection& connection, const Error& failure, const std::string& text, const std::string& json) {
  proto::Reply reply;
  reply.code = failure.code;
  reply.sys_errno = failure.sys_errno;
  reply.text = text;
  reply.json = json;
  connection.send(reply);
}

Node::~Node() {
  forget_proxies();
  for (const auto& connection : connections_) loop_.forget(connection->fd());
  if (watched_fd_ >= 0) loop_.forget(watched_fd_), ::close(watched_fd_);
  if (run_.listener >= 0) {
    loop_.forget(run_.listener);
    remove_run_directory(run_);
  }
}

Status Node::open(const Settings& settings) {
  settings_ = settings;
  waits_for_connections_ = settings.connects;
  STASIS_TRY_VALUE(run_, make_run_directory(settings.computation, settings.store));
  if (settings.restored != 0) STASIS_TRY(publish_allocation(run_));
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
  if (synced_) when = std::min(when, resume_limit_);
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
  resuming_.erase(connection);
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
    case proto::MessageType::lent: return handle_lent(connection, frame);
    default:
      if (current_) current_->take(connection, frame);
  }
}

// Also of a checkpoint that is off: the lender runs on when nobody has the descriptors any more.
void Node::handle_lent(Connection& connection, const Frame& frame) {
  const std::vector<int> fds = connection.take_fds(2);
  if (current_) current_->pass_on(connection, frame, fds);
  for (const int fd : fds) ::close(fd);
}

void Node::handle_hello(Connection& connection, const Frame& frame) {
  const auto hello = frame.as<proto::Hello>();
  if (hello.computation != settings_.computation) {
    connection.send(proto::Decline{});
    return;
  }
  connection.know(hello.pid);
  if (hello.restored || hello.notice) return;  // Restored or Notice follows
  if (current_ && current_->take_hello(connection)) return;
  undecided_.push_back({&connection, Clock::now() + kCallFollows});
}

// Who said Hello and was not called: it will be at once, or the signal was an old one or a stranger's.
void Node::decide_late_hellos() {
  std::erase_if(undecided_, [this](const Undecided& one) {
    if (current_ && current_->take_hello(*one.connection)) return true;
    if (Clock::now() < one.limit) return false;
    one.connection->send(proto::Decline{});
    return true;
  });
}

void Node::handle_restored(Connection& connection) {
  if (settings_.proxies.contains(connection.programs_pid())) resume_proxy(connection);
  else restored_.push_back(&connection);
  report_restored();
}

void Node::report_restored() {
  if (restored_.size() + proxies_back_.size() == settings_.expect && !waits_for_connections_) report(ReportKind::restored);
}

// One that ends before everybody is back has not launched what is waited for (srun found no node, a task failed).
void Node::resume_proxy(Connection& connection) {
  const std::int32_t pid = connection.pid();
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  connection.send(proto::Resume{});
  proxies_back_[pid] = fd;
  const auto ended = [this, pid] { fail(error(ErrorCode::restore_failed, "process " + std::to_string(pid) + ", which launches a step, has ended")); };
  if (fd < 0) return ended();
  loop_.watch(fd, [this, fd, ended] {
    loop_.forget(fd);
    ended();
  });
}

void Node::forget_proxies() {
  for (const auto& [pid, fd] : proxies_back_)
    if (fd >= 0) loop_.forget(fd), ::close(fd);
  proxies_back_.clear();
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
  // A launch proxy is a program of the job and has no key; what it says can at worst spoil the job's own output.
  if (request.verb != proto::Verb::drained && request.key != settings_.key) return reply(connection, error(ErrorCode::rejected), "the key is wrong");
  if (request.verb == proto::Verb::register_root) return register_root(connection, request.pid);
  if (request.verb == proto::Verb::connected) {
    waits_for_connections_ = false;
    reply(connection, {}, "taken");
    return report_restored();
  }
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
    case OrderKind::look: return look(order);
    case OrderKind::drain: return drain();
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
    case OrderKind::meet: return;  // for whoever makes the processes
    case OrderKind::deliver:
      if (root_ != 0) ::kill(root_, order.signal);
      else if (watched_pid_ != 0) ::kill(watched_pid_, order.signal);
      return;
  }
}

void Node::quiesce(const Order& order) {
  generation_ = order.generation;
  synced_ = false;
  resuming_.clear();
  NodeCheckpoint::Wish wish;
  wish.generation = order.generation;
  wish.exit_after = order.exit_after;
  wish.image_directory = store::generation_directory(settings_.store, order.generation) + "/" + settings_.part;
  if (::mkdir(wish.image_directory.c_str(), 0700) != 0) return fail(system_error("create " + wish.image_directory, -errno));
  current_.emplace(wish, run_.members, settings_.computation, roots());
  reported_ = NodePhase::quiesce;
}

void Node::look(const Order& order) {
  generation_ = order.generation;
  Report looked;
  looked.kind = ReportKind::looked;
  looked.generation = generation_;
  looked.launches = launches(census().launchers);
  owner_.reported(looked);
}

// The task stands still; its pipes are read by slurmstepd, which does not.
void Node::drain() {
  Report drained;
  drained.kind = ReportKind::drained;
  drained.generation = generation_;
  if (!settings_.has_streams) return owner_.reported(drained);
  proto::DrainMarker marker;
  marker.launch = FixedString<proto::DrainMarker::kLaunchDigits>(settings_.launch);
  marker.nonce = drain_nonce(generation_);
  marker.task = settings_.task;
  const auto text = marker.text();
  for (const int stream : {1, 2}) {
    const Result<bool> put = put_marker(stream, text.view());
    if (!put) return fail(put.error());
    if (*put) drained.streams |= 1u << stream;
  }
  owner_.reported(drained);
}

void Node::advance() {
  if (current_) current_->step();
  decide_late_hellos();
  report_progress();
  report_synced();
}

// Tells the root once what the current checkpoint has come to.
void Node::report_progress() {
  if (!current_ || current_->phase() == reported_) return;
  reported_ = current_->phase();
  if (reported_ == NodePhase::stopped) {
    Report stopped;
    stopped.kind = ReportKind::stopped;
    stopped.generation = generation_;
    stopped.launches = launches(current_->launchers());
    return owner_.reported(stopped);
  }
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
  synced_ = true;
  report_synced();
}

// Whoever asked for a checkpoint is answered when the program runs as if there had been none.
void Node::report_synced() {
  if (!synced_ || (!resuming_.empty() && Clock::now() < resume_limit_)) return;
  for (const Connection* member : resuming_) log_line("process " + std::to_string(member->pid()) + " has not gone on yet");
  resuming_.clear();
  synced_ = false;
  resume_limit_ = Clock::time_point::max();
  report(ReportKind::synced);
}

void Node::resume() {
  if (current_) {
    resuming_ = current_->resume();
    resume_limit_ = Clock::now() + kResumeLimit;
  }
  current_.reset();
  if (restored_.empty() && proxies_back_.empty()) return;
  forget_proxies();
  for (Connection* member : restored_) member->send(proto::Resume{});
  restored_.clear();
  started_ = true;
  watch_next();
}

void Node::end() {
  current_.reset();
  kill_all([this] { return census(); });
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
