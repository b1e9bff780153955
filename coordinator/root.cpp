// See root.hpp.
// World: programs.
#include "coordinator/root.hpp"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/proto/authentication.hpp"
#include "coordinator/log.hpp"
#include "core/base/sentence.hpp"
#include "core/environment.hpp"

namespace stasis::coordinator {
namespace {
constexpr int kMostAgain = 20;                   // a script that starts one short step after the other must not keep us for ever
constexpr std::chrono::seconds kStartLimit{60};  // for whoever started us to register the first process
}

Status Root::open() {
  STASIS_TRY(loop_.open());
  STASIS_TRY_VALUE(store_, Store::open(settings_.store, settings_.restored != 0, settings_.command));
  open_log(store_.directory() + "/" + store_layout::kLog);
  key_ = proto::random_hex(16);
  Node::Settings node;
  node.store = store_.directory();
  node.computation = store_.computation();
  node.part = store_layout::kRootPart;
  node.key = key_;
  node.restored = settings_.restored;
  node.expect = settings_.expect;
  node.connects = settings_.connects;
  if (settings_.restored != 0) {
    STASIS_TRY_VALUE(node.proxies, read_restored());
  }
  STASIS_TRY(node_.open(node));
  if (settings_.slurm) STASIS_TRY(listener_.open(store_.computation(), key_));
  STASIS_TRY(store_.publish(key_, node_.run_directory().socket_path, listener_.port(), settings_.restored));
  start_limit_ = Clock::now() + kStartLimit;
  schedule_next();
  log_line((settings_.restored != 0 ? "restarting generation " + std::to_string(settings_.restored) : "starting") + " on " + host_name() + ", computation " +
           store_.computation() + (settings_.interval_seconds != 0 ? ", a checkpoint every " + std::to_string(settings_.interval_seconds) + " s" : ""));
  return {};
}

// What the generation that is being brought back consists of. Returns the launch proxies that wait for a launch.
Result<std::set<std::int32_t>> Root::read_restored() {
  STASIS_TRY_VALUE(const store::Manifest manifest, store::read_manifest(store::generation_directory(store_.directory(), settings_.restored), settings_.restored));
  for (const store::ManifestPart& part : manifest.parts) missing_parts_.insert(part.name);
  missing_parts_.insert(store_layout::kRootPart);
  std::set<std::int32_t> proxies;
  for (const store::ManifestImage& image : manifest.images)
    if (!image.launch.empty()) proxies.insert(image.pid);
  return proxies;
}

int Root::run() {
  while (!ended_) {
    loop_.wait(next_step());
    advance();
  }
  log_line("the computation has ended");
  store_.retract();
  return 0;
}

Clock::time_point Root::next_step() const {
  if (!events_.empty() || (current_ && current_->is_over()) || (next_ && node_.is_started() && !current_ && !ending_)) return Clock::now();
  Clock::time_point when = std::min(node_.next_step(), listener_.next_step());
  if (current_) when = std::min(when, current_->next_step());
  else if (next_interval_ != Clock::time_point{} && node_.is_started()) when = std::min(when, next_interval_);
  if (!node_.is_started() && settings_.restored == 0) when = std::min(when, start_limit_);
  if (ending_) when = std::min(when, ending_->limit);
  return when;
}

// Lets everything go on that time or reports have made possible, and starts the periodic checkpoint when it is due.
void Root::advance() {
  begin_next();
  if (!node_.is_started() && settings_.restored == 0 && Clock::now() >= start_limit_) ended_ = true;
  node_.advance();
  listener_.check_time();
  handle_events();
  if (current_) {
    current_->check_time();
    if (current_->phase() == Phase::abandoned) return abandoned(current_->failure());
    if (current_->phase() == Phase::complete) finish_checkpoint();
  }
  check_ending();
  if (current_ || ending_ || ended_ || !node_.is_started() || next_interval_ == Clock::time_point{} || Clock::now() < next_interval_) return;
  schedule_next();
  if (const Status begun = start_checkpoint({"interval", false, 0}); !begun) abandoned(begun.error());
}

void Root::handle_events() {
  while (!events_.empty()) {
    const Event event = std::move(events_.front());
    events_.pop_front();
    handle(*event.node, event.report);
  }
}

void Root::handle(NodeLink& node, const Report& report) {
  switch (report.kind) {
    case ReportKind::restored: return handle_restored(node);
    case ReportKind::notice: return handle_notice(node, report.signal);
    case ReportKind::ended:
      if (ending_) ending_->waited_for.erase(&node);
      return;
    case ReportKind::empty:
      if (&node == &own_) ended_ = true;
      return;
    case ReportKind::failed:
      if (settings_.restored != 0 && !node_.is_started()) return restart_failed(report.failure);
      [[fallthrough]];
    default:
      if (current_) current_->take(node, report);
  }
}

// Nothing runs before everything is there, but for the launch proxies, which launch the other parts.
void Root::handle_restored(NodeLink& node) {
  missing_parts_.erase(node.shape().name);
  if (!missing_parts_.empty()) return log_line(node.name() + " is back, waiting for part " + *missing_parts_.begin());
  Order resume;
  resume.kind = OrderKind::resume;
  own_.order(resume);
  for (RemoteNode* other : others_) other->order(resume);
  starter_.say_running();
  log_line("running again: generation " + std::to_string(settings_.restored) + ", " + std::to_string(settings_.expect) + " processes" +
           (others_.empty() ? "" : " here, " + std::to_string(others_.size()) + " parts elsewhere"));
}

// A part that is brought back comes once, while it is missed; another begins once.
bool Root::admits(const proto::NodeHello& hello) {
  const bool there = std::any_of(others_.begin(), others_.end(), [&](const RemoteNode* other) { return other->shape().name == hello.part; });
  if (there || hello.restored == 0) return !there;
  return hello.restored == settings_.restored && missing_parts_.contains(std::string(hello.part));
}

void Root::came(RemoteNode& node) {
  log_line(node.name() + " has joined");
  introduce(node);
  others_.push_back(&node);
  if (current_) current_->come(node);
}

// Tells all parts of a restart of one another.
void Root::introduce(RemoteNode& node) {
  const auto tell = [](NodeLink& whom, const MeetingPlace& place) {
    Order meet;
    meet.kind = OrderKind::meet;
    meet.place = place;
    whom.order(meet);
  };
  if (node.place().port == 0) return;
  starter_.say_place(node.place());
  for (RemoteNode* other : others_) {
    tell(*other, node.place());
    if (other->place().port != 0) tell(node, other->place());
  }
}

void Root::lost(RemoteNode& node) {
  log_line(node.name() + " has left");
  std::erase(others_, &node);
  std::erase_if(events_, [&](const Event& event) { return event.node == &node; });
  if (noticed_ == &node) noticed_ = &own_;
  if (ending_) ending_->waited_for.erase(&node);
  if (current_) current_->lose(node);
  if (node.restored() != 0 && !node_.is_started()) restart_failed(error(ErrorCode::restore_failed, node.name() + " was lost"));
}

// The processes of all parts end with their coordinators, before anything of the program has run.
void Root::restart_failed(const Error& failure) {
  log_line("restart failed: " + sentence(failure));
  starter_.say_failed(failure);
  ended_ = true;
}

// The node has held the signal. If no last checkpoint can answer it, it is delivered after all.
void Root::handle_notice(NodeLink& node, int signal) {
  if (final_committed_ || ending_ || notice_signal_ != 0) return;
  log_line("notice: signal " + std::to_string(signal) + " of the batch system, taking a last checkpoint");
  if (current_) {
    current_->abandon(error(ErrorCode::abandoned, "a last checkpoint is needed now"));
    abandoned(current_->failure());
  }
  noticed_ = &node, notice_signal_ = signal;
  if (const Status begun = start_checkpoint({"notice", true, 0}); !begun) abandoned(begun.error());
}

void Root::answer(const Error& failure, const std::string& text, const std::string& json) {
  for (Connection* asker : askers_) reply(*asker, failure, text, json);
  askers_.clear();
}

void Root::gone(Connection& connection) {
  std::erase(askers_, &connection);
  std::erase(next_askers_, &connection);
}

void Root::requested(Connection& connection, const proto::Request& request) {
  switch (request.verb) {
    case proto::Verb::status: return reply(connection, {}, "running, computation " + store_.computation(), status_json());
    case proto::Verb::checkpoint: return want_checkpoint(connection, request);
    case proto::Verb::kill:
    case proto::Verb::stop:
      log_line("ending the computation: command");
      if (current_) {
        current_->abandon(error(ErrorCode::abandoned, "the computation is being ended"));
        abandoned(current_->failure());
      }
      askers_.push_back(&connection);
      last_answer_ = "ended", last_json_ = "{}";
      return begin_ending();
    case proto::Verb::drained:
      if (current_) current_->drained(request.launch, request.nonce, request.task, static_cast<int>(request.stream));
      return reply(connection, {}, "taken");
    case proto::Verb::connected:
    case proto::Verb::register_root: break;
  }
  reply(connection, error(ErrorCode::protocol), "unknown verb");
}

void Root::want_checkpoint(Connection& connection, const proto::Request& request) {
  if (ending_) return reply(connection, error(ErrorCode::busy), store_.directory());
  // What is asked for while the processes are not there yet, or while another checkpoint runs, comes next; all who ask until then get the same one.
  Wanted wanted{std::string(request.reason.empty() ? "command" : request.reason), request.exit_after, 0};
  if (next_) wanted.exit_after = wanted.exit_after || next_->exit_after;
  next_ = wanted;
  next_askers_.push_back(&connection);
  begin_next();
}

void Root::begin_next() {
  if (!next_ || !node_.is_started() || current_ || ending_) return;
  const Wanted wanted = *std::exchange(next_, std::nullopt);
  askers_.insert(askers_.end(), next_askers_.begin(), next_askers_.end());
  next_askers_.clear();
  if (const Status begun = start_checkpoint(wanted); !begun) abandoned(begun.error());
}

std::string Root::status_json() const {
  const Census census = node_.census();
  nlohmann::ordered_json members = nlohmann::ordered_json::array(), nodes = nlohmann::ordered_json::array();
  for (const auto& [pid, process] : census.members) members.push_back({{"pid", pid}, {"parent", process.parent}, {"program", process.name}});
  nodes.push_back({{"part", store_layout::kRootPart}, {"host", host_name()}});
  for (const RemoteNode* node : others_) nodes.push_back({{"part", node->shape().name}, {"host", node->shape().host}, {"launch", node->shape().launch}});
  return nlohmann::ordered_json{{"computation", store_.computation()},
                                {"store", store_.directory()},
                                {"state", current_ ? "checkpoint" : "running"},
                                {"interval_seconds", settings_.interval_seconds},
                                {"generations", store_.committed()},
                                {"nodes", nodes},
                                {"processes", members}}
      .dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Status Root::start_checkpoint(const Wanted& wanted) {
  RootCheckpoint::Wish wish;
  wish.generation = store_.next_generation();
  wish.reason = wanted.reason;
  wish.exit_after = wanted.exit_after;
  wish.has_launches = settings_.slurm;
  wanted_ = wanted;
  STASIS_TRY(store_.begin_generation(wish.generation));
  std::vector<NodeLink*> nodes{&own_};
  nodes.insert(nodes.end(), others_.begin(), others_.end());
  current_.emplace(wish, nodes);
  return {};
}

void Root::abandoned(const Error& failure) {
  const std::string line = sentence(failure);
  if (failure.code == ErrorCode::launch_changed && current_ && !ending_ && wanted_.again != kMostAgain) {
    log_line("checkpoint begun anew: " + line);
    store_.remove_generation(current_->wish().generation);
    current_.reset();
    Wanted wanted = wanted_;
    ++wanted.again;
    if (const Status begun = start_checkpoint(wanted); begun) return;
  }
  log_line("checkpoint abandoned: " + line);
  if (settings_.slurm) dprintf(STDERR_FILENO, "stasis: checkpoint abandoned: %s\n", line.c_str());
  if (current_) store_.remove_generation(current_->wish().generation);
  current_.reset();
  // Whatever the cause, who asked gets the exit status of an abandoned checkpoint.
  const bool says_so = describe(failure.code).exit_status == describe(ErrorCode::abandoned).exit_status;
  const Error answered = says_so ? failure : error(ErrorCode::abandoned, line.c_str());
  answer(answered, answered.detail.c_str(), "{}");
  if (notice_signal_ == 0) return;
  Order deliver;
  deliver.kind = OrderKind::deliver;
  deliver.signal = std::exchange(notice_signal_, 0);
  noticed_->order(deliver);
}

// All nodes have written and made durable. The program runs already, unless it shall end.
void Root::finish_checkpoint() {
  RootCheckpoint& done = *current_;
  const store::Manifest manifest = done.manifest();
  const bool exit_after = done.wish().exit_after;
  if (const Status committed = store_.commit(manifest); !committed) {
    done.abandon(committed.error());
    return abandoned(committed.error());
  }
  last_answer_ = "generation " + std::to_string(manifest.generation) + " committed: " + std::to_string(manifest.images.size()) + " processes, " +
                 std::to_string(manifest.bytes()) + " bytes, stood still " + std::to_string((manifest.stopped_us + 500) / 1000) + " ms";
  last_json_ = nlohmann::ordered_json{{"generation", manifest.generation}, {"processes", manifest.images.size()}, {"bytes", manifest.bytes()}, {"stopped_us", manifest.stopped_us}}.dump();
  log_line(last_answer_ + " (" + manifest.reason + ")");
  if (exit_after) end_after_checkpoint();
  std::vector<std::string> running;
  for (const RemoteNode* node : others_) running.push_back(node->shape().name);
  store_.prune(settings_.keep, running);
  current_.reset();
  notice_signal_ = 0;
  schedule_next();
  if (!ending_) answer({}, last_answer_, last_json_);
}

// From the end of a checkpoint on: one that takes longer than the interval must not leave the program without time to run.
void Root::schedule_next() {
  if (settings_.interval_seconds != 0) next_interval_ = Clock::now() + std::chrono::seconds(settings_.interval_seconds);
}

}  // namespace stasis::coordinator
