// See coordinator.hpp.
// World: programs.
#include "coordinator/coordinator.hpp"

#include <utility>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "coordinator/log.hpp"
#include "core/environment.hpp"

namespace stasis::coordinator {
namespace {

constexpr std::chrono::milliseconds kNoticeFollows{100};
constexpr std::chrono::seconds kStartLimit{60};  // for whoever started us to register the first process

int millis_until(Clock::time_point when) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(when - Clock::now() + std::chrono::microseconds(999)).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 3'600'000));
}

}  // namespace

Status Coordinator::open() {
  STASIS_TRY_VALUE(store_, Store::open(settings_.store, settings_.restored != 0, settings_.command));
  open_log(store_.directory() + "/" + store_layout::kLog);
  STASIS_TRY_VALUE(run_, make_run_directory(store_.computation(), store_.directory()));
  key_ = random_hex(16);
  STASIS_TRY(store_.publish(key_, run_.socket_path));
  start_limit_ = Clock::now() + kStartLimit;
  if (settings_.interval_seconds != 0) next_interval_ = Clock::now() + std::chrono::seconds(settings_.interval_seconds);
  char host[256] = {};
  ::gethostname(host, sizeof host - 1);
  log_line(std::string(settings_.restored != 0 ? "restarting generation " + std::to_string(settings_.restored) : "starting") + " on " + host +
           ", computation " + store_.computation() + (settings_.interval_seconds != 0 ? ", a checkpoint every " + std::to_string(settings_.interval_seconds) + " s" : ""));
  return {};
}

int Coordinator::run() {
  while (!ended_) {
    poll_once();
    advance();
  }
  log_line("the computation has ended");
  store_.retract();
  remove_run_directory(run_);
  return 0;
}

std::vector<std::int32_t> Coordinator::roots() const {
  return watched_pid_ == root_ && root_ != 0 ? std::vector<std::int32_t>{root_} : std::vector<std::int32_t>{};
}

int Coordinator::poll_timeout() const {
  Clock::time_point when = Clock::now() + std::chrono::hours(1);
  if (current_ && !current_->is_over()) when = std::min(when, current_->next_step());
  else if (next_interval_ != Clock::time_point{} && started_) when = std::min(when, next_interval_);
  if (!started_ && settings_.restored == 0) when = std::min(when, start_limit_);
  for (const Undecided& one : undecided_) when = std::min(when, one.limit);
  return millis_until(when);
}

void Coordinator::poll_once() {
  std::vector<pollfd> events{{run_.listener, POLLIN, 0}, {watched_fd_, POLLIN, 0}};
  for (const auto& connection : connections_) events.push_back({connection->fd(), POLLIN, 0});
  if (::poll(events.data(), events.size(), poll_timeout()) < 0) return;
  std::vector<Connection*> ready;
  for (std::size_t i = 2; i != events.size(); ++i) {
    if (events[i].revents != 0) ready.push_back(connections_[i - 2].get());
  }
  for (Connection* connection : ready) {
    for (std::size_t i = 0; i != connections_.size(); ++i) {
      if (connections_[i].get() == connection) {
        read_from(i);
        break;
      }
    }
  }
  if (events[1].revents != 0 && watched_fd_ >= 0) watch_next();
  if (events[0].revents != 0) accept_all();
}

void Coordinator::accept_all() {
  for (int fd; (fd = ::accept4(run_.listener, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    auto connection = std::make_unique<Connection>(fd);
    if (connection->is_own_user()) connections_.push_back(std::move(connection));
  }
}

void Coordinator::read_from(std::size_t index) {
  Connection* connection = connections_[index].get();
  const bool alive = connection->read_available();
  for (Frame frame; connection->next(frame);) handle(*connection, frame);
  if (!alive) drop(connection);
}

void Coordinator::drop(Connection* connection) {
  if (current_) current_->lose(*connection);
  std::erase(askers_, connection);
  std::erase_if(undecided_, [&](const Undecided& one) { return one.connection == connection; });
  if (std::erase(restored_, connection) != 0) {
    log_line("restart failed: process " + std::to_string(connection->pid()) + " was lost");
    ended_ = true;
  }
  std::erase_if(connections_, [&](const auto& one) { return one.get() == connection; });
}

void Coordinator::handle(Connection& connection, const Frame& frame) {
  switch (frame.type) {
    case proto::MessageType::hello: return handle_hello(connection, frame);
    case proto::MessageType::restored: return handle_restored(connection);
    case proto::MessageType::notice: return handle_notice(connection, frame);
    case proto::MessageType::request: return handle_request(connection, frame);
    default:
      if (current_) current_->take(connection, frame);
  }
}

void Coordinator::handle_hello(Connection& connection, const Frame& frame) {
  const auto hello = frame.as<proto::Hello>();
  if (hello.computation != store_.computation()) {
    connection.send(proto::Decline{});
    return;
  }
  if (hello.restored) return;  // Restored follows
  if (current_ && current_->take_hello(connection)) return;
  undecided_.push_back({&connection, Clock::now() + kNoticeFollows});
}

// Who said Hello and was not called: a Notice follows at once, or the signal was an old one or a stranger's.
void Coordinator::decide_late_hellos() {
  std::erase_if(undecided_, [this](const Undecided& one) {
    if (current_ && current_->take_hello(*one.connection)) return true;
    if (Clock::now() < one.limit) return false;
    one.connection->send(proto::Decline{});
    return true;
  });
}

void Coordinator::handle_restored(Connection& connection) {
  restored_.push_back(&connection);
  if (restored_.size() != settings_.expect) return;
  for (Connection* member : restored_) member->send(proto::Resume{});
  restored_.clear();
  started_ = true;
  watch_next();
  log_line("running again: generation " + std::to_string(settings_.restored) + ", " + std::to_string(settings_.expect) + " processes");
}

// The signal is held if a last checkpoint can begin; if that fails later the first process gets it from us.
void Coordinator::handle_notice(Connection& connection, const Frame& frame) {
  std::erase_if(undecided_, [&](const Undecided& one) { return one.connection == &connection; });
  const int signal = frame.as<proto::Notice>().signal;
  proto::NoticeAnswer held;
  held.held = true;
  if (final_committed_ || notice_signal_ != 0) {
    connection.send(held);
    return;
  }
  log_line("notice: signal " + std::to_string(signal) + " of the batch system, taking a last checkpoint");
  if (current_ && !current_->is_over()) current_->abandon(error(ErrorCode::abandoned, "a last checkpoint is needed now"));
  advance();
  const Status begun = start_checkpoint("notice", true);
  held.held = begun.ok();
  if (begun) notice_signal_ = signal;
  else abandoned(begun.error());
  connection.send(held);
}

void Coordinator::reply(Connection& connection, const Error& failure, const std::string& text, const std::string& json) {
  proto::Reply reply;
  reply.code = failure.code;
  reply.sys_errno = failure.sys_errno;
  reply.text = text;
  reply.json = json;
  connection.send(reply);
}

void Coordinator::answer(const Error& failure, const std::string& text, const std::string& json) {
  for (Connection* asker : askers_) reply(*asker, failure, text, json);
  askers_.clear();
}

void Coordinator::handle_request(Connection& connection, const Frame& frame) {
  const auto request = frame.as<proto::Request>();
  if (request.key != key_) return reply(connection, error(ErrorCode::rejected), "the key is wrong", "{}");
  switch (request.verb) {
    case proto::Verb::register_root:
      root_ = request.pid;
      started_ = true;
      watched_pid_ = root_;
      watched_fd_ = static_cast<int>(::syscall(SYS_pidfd_open, root_, 0));
      if (watched_fd_ < 0) watch_next();
      return reply(connection, {}, "registered", "{}");
    case proto::Verb::status: return reply(connection, {}, "running, computation " + store_.computation(), status_json());
    case proto::Verb::checkpoint: {
      if (current_) return reply(connection, error(ErrorCode::busy), store_.directory(), "{}");
      if (!started_) {  // the answer comes when the processes are there and the checkpoint is done
        early_ = Early{std::string(request.reason.empty() ? "command" : request.reason), request.exit_after};
        askers_.push_back(&connection);
        return;
      }
      const Status begun = start_checkpoint(request.reason.empty() ? "command" : std::string(request.reason), request.exit_after);
      if (!begun) return reply(connection, begun.error(), begun.error().detail.c_str(), "{}");
      askers_.push_back(&connection);
      return;
    }
    case proto::Verb::kill:
    case proto::Verb::stop:
      if (current_ && !current_->is_over()) current_->abandon(error(ErrorCode::abandoned, "the computation is being ended"));
      advance();
      log_line("ending the computation: command");
      kill_all();
      store_.retract();
      ended_ = true;
      return reply(connection, {}, "ended", "{}");
  }
  reply(connection, error(ErrorCode::protocol), "unknown verb", "{}");
}

std::string Coordinator::status_json() const {
  const Census census = take_census(run_.members, store_.computation(), roots());
  nlohmann::ordered_json members = nlohmann::ordered_json::array();
  for (const auto& [pid, process] : census.members) members.push_back({{"pid", pid}, {"parent", process.parent}, {"program", process.name}});
  const std::vector<std::uint64_t> generations = store_.committed();
  return nlohmann::ordered_json{{"computation", store_.computation()},
                                {"store", store_.directory()},
                                {"state", current_ ? "checkpoint" : "running"},
                                {"interval_seconds", settings_.interval_seconds},
                                {"generations", generations},
                                {"processes", members}}
      .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Status Coordinator::start_checkpoint(const std::string& reason, bool exit_after) {
  if (!started_) return error(ErrorCode::busy, "the computation is only starting");
  Checkpoint::Order order;
  order.generation = store_.next_generation();
  order.reason = reason;
  order.exit_after = exit_after;
  STASIS_TRY_VALUE(order.image_directory, store_.begin_generation(order.generation));
  current_.emplace(order, run_.members, store_.computation(), roots());
  return {};
}

// Lets the current checkpoint go on and starts the periodic one when it is due.
void Coordinator::advance() {
  if (started_ && early_ && !current_ && !ended_) {
    const Early asked = *std::exchange(early_, std::nullopt);
    if (const Status begun = start_checkpoint(asked.reason, asked.exit_after); !begun) abandoned(begun.error());
  }
  if (!started_ && settings_.restored == 0 && Clock::now() >= start_limit_) ended_ = true;
  if (current_) current_->step();
  decide_late_hellos();
  if (current_) {
    if (current_->phase() == Phase::abandoned) return abandoned(current_->failure());
    if (current_->phase() == Phase::written) return finish_checkpoint();
    return;
  }
  if (ended_ || !started_ || next_interval_ == Clock::time_point{} || Clock::now() < next_interval_) return;
  schedule_next();
  if (const Status begun = start_checkpoint("interval", false); !begun) abandoned(begun.error());
}

void Coordinator::abandoned(const Error& failure) {
  const std::string line = sentence(failure);
  log_line("checkpoint abandoned: " + line);
  if (settings_.slurm) dprintf(STDERR_FILENO, "stasis: checkpoint abandoned: %s\n", line.c_str());
  if (current_) store_.remove_generation(current_->order().generation);
  current_.reset();
  // Whatever the cause, who asked gets the exit status of an abandoned checkpoint.
  const bool says_so = describe(failure.code).exit_status == describe(ErrorCode::abandoned).exit_status;
  const Error answered = says_so ? failure : error(ErrorCode::abandoned, line.c_str());
  answer(answered, answered.detail.c_str(), "{}");
  if (notice_signal_ == 0) return;
  const int signal = notice_signal_;
  notice_signal_ = 0;
  if (root_ != 0) ::kill(root_, signal);
  else if (watched_pid_ != 0) ::kill(watched_pid_, signal);
}

// Everybody has written. The program runs on before the images are synced, unless it shall end.
void Coordinator::finish_checkpoint() {
  Checkpoint& done = *current_;
  const store::Manifest manifest = done.manifest(root_);
  const bool exit_after = done.order().exit_after;
  if (!exit_after) done.resume();
  if (const Status committed = store_.commit(manifest); !committed) {
    if (exit_after) done.resume();
    return abandoned(committed.error());
  }
  std::uint64_t bytes = 0;
  for (const store::ManifestImage& image : manifest.images) bytes += image.bytes;
  const std::string text = "generation " + std::to_string(manifest.generation) + " committed: " + std::to_string(manifest.images.size()) + " processes, " +
                           std::to_string(bytes) + " bytes, stood still " + std::to_string((manifest.stopped_us + 500) / 1000) + " ms";
  log_line(text + " (" + manifest.reason + ")");
  const nlohmann::ordered_json json{{"generation", manifest.generation}, {"processes", manifest.images.size()}, {"bytes", bytes}, {"stopped_us", manifest.stopped_us}};
  if (exit_after) end_after_checkpoint();
  answer({}, text, json.dump());
  store_.prune(settings_.keep);
  current_.reset();
  notice_signal_ = 0;
  schedule_next();
}

// From the end of a checkpoint on: one that takes longer than the interval must not leave the program without time to run.
void Coordinator::schedule_next() {
  if (settings_.interval_seconds != 0) next_interval_ = Clock::now() + std::chrono::seconds(settings_.interval_seconds);
}

void Coordinator::kill_all() {
  for (;;) {
    const Census census = take_census(run_.members, store_.computation(), roots());
    // All stand still before the first one ends: nobody shall see another's end and say or write something about it.
    for (const auto& [pid, process] : census.members) ::kill(pid, SIGSTOP);
    for (const Process& process : census.pending) ::kill(process.pid, SIGSTOP);
    std::vector<pollfd> gone;
    const auto end = [&gone](std::int32_t pid) {
      const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
      if (fd < 0) return;
      ::kill(pid, SIGKILL);
      gone.push_back({fd, POLLIN, 0});
    };
    for (const auto& [pid, process] : census.members) end(pid);
    for (const Process& process : census.pending) end(process.pid);
    if (gone.empty()) return;
    for (pollfd& one : gone) {
      ::poll(&one, 1, 10'000);
      ::close(one.fd);
    }
  }
}

// When the watched process has ended: the next one that lives, or the end.
void Coordinator::watch_next() {
  if (watched_fd_ >= 0) ::close(watched_fd_);
  watched_fd_ = -1;
  if (watched_pid_ == root_) root_ = 0;
  watched_pid_ = 0;
  for (;;) {
    const Census census = take_census(run_.members, store_.computation(), {});
    std::int32_t pid = 0;
    if (!census.members.empty()) pid = census.members.begin()->first;
    else if (!census.pending.empty()) pid = census.pending.front().pid;
    if (pid == 0) {
      ended_ = true;
      return;
    }
    watched_fd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    watched_pid_ = pid;
    if (watched_fd_ >= 0) return;
  }
}

}  // namespace stasis::coordinator
