// See checkpoint.hpp.
// World: programs.
#include "coordinator/checkpoint.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "coordinator/election.hpp"
#include "coordinator/log.hpp"
#include "core/environment.hpp"

namespace stasis::coordinator {
namespace {

// How long the program may be brought to a stop, and how long a member may then take to say what it has. Writing may take as long as
// it likes while images grow: a disk may be slow, a member that writes nothing for this long is hung.
constexpr std::chrono::seconds kQuiesceLimit{10};
constexpr std::chrono::seconds kElectLimit{30};
constexpr std::chrono::seconds kWriteLimit{60};
constexpr std::chrono::milliseconds kLookAgain{2};  // an exec and a start-up are no events that could be waited for

std::uint64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

// Programs that stand for processes elsewhere: what they started would be missing after a restart.
bool is_launcher(const Process& process) {
  const std::string name = process.name.substr(process.name.rfind('/') + 1);
  for (const char* launcher : {"srun", "salloc", "sattach", "ssh", "scp", "sftp", "rsh", "stasis"}) {
    if (name == launcher) return true;
  }
  return false;
}

}  // namespace

Checkpoint::Checkpoint(const Order& order, const MemberTable& table, const std::string& computation, const std::vector<std::int32_t>& roots)
    : order_(order), table_(table), computation_(computation), roots_(roots), deadline_(Clock::now() + kQuiesceLimit), next_step_(Clock::now()) {}

std::string Checkpoint::name_of(const Member& member) const {
  return "process " + std::to_string(member.process.pid) + " " + member.process.name;
}

bool Checkpoint::all_are(Progress progress) const {
  return std::all_of(members_.begin(), members_.end(), [&](const auto& entry) { return entry.second.progress >= progress; });
}

void Checkpoint::step() {
  if (is_over()) return;
  if (phase_ == Phase::quiesce) quiesce_round();
  if (is_over() || Clock::now() < deadline_) return;
  if (phase_ == Phase::write && images_grow()) {
    deadline_ = next_step_ = Clock::now() + kWriteLimit;
    return;
  }
  abandon(late());
}

bool Checkpoint::images_grow() {
  std::uint64_t bytes = 0;
  for (const auto& [pid, member] : members_) {
    struct stat status{};
    if (::stat(member.image.path.c_str(), &status) == 0) bytes += static_cast<std::uint64_t>(status.st_blocks);
  }
  return bytes > std::exchange(blocks_seen_, bytes);
}

void Checkpoint::call_new_members(const Census& census) {
  for (const auto& [pid, process] : census.members) {
    if (members_.contains(pid)) continue;
    Member member;
    member.process = process;
    member.leader_slept_ns = main_thread_slept_ns(pid);
    if (send_stop_signal(pid)) members_.emplace(pid, std::move(member));
  }
}

// Until everybody whom a look shows stands still; a process that was forked meanwhile is found by the next look.
void Checkpoint::quiesce_round() {
  if (Clock::now() < next_step_ && !all_are(Progress::quiesced)) return;
  const Census census = take_census(table_, computation_, roots_);
  for (const Process& process : census.dormant) {
    if (!is_launcher(process)) continue;
    return abandon(error(ErrorCode::unsupported, process.name).with("process " + std::to_string(process.pid) + " is a launcher that the job waits for"));
  }
  std::erase_if(members_, [&](const auto& entry) { return entry.second.progress < Progress::quiesced && !census.members.contains(entry.first) && entry.second.connection == nullptr; });
  const std::size_t known = members_.size();
  call_new_members(census);
  waited_for_ = census.pending;
  waited_for_.insert(waited_for_.end(), census.dormant.begin(), census.dormant.end());
  if (members_.empty() && waited_for_.empty()) return abandon(error(ErrorCode::member_lost, "no process of the computation is left"));
  if (members_.size() == known && waited_for_.empty() && !members_.empty() && all_are(Progress::quiesced)) return begin_election();
  next_step_ = Clock::now() + kLookAgain;
}

bool Checkpoint::take_hello(Connection& connection) {
  const auto found = members_.find(connection.pid());
  if (phase_ != Phase::quiesce || found == members_.end() || found->second.connection != nullptr) return false;
  Member& member = found->second;
  member.connection = &connection;
  member.progress = Progress::begun;
  member.image.pid = connection.pid();
  member.image.program = member.process.name;
  member.image.path = order_.image_directory + "/" + std::to_string(connection.pid()) + store_layout::kImageSuffix;
  proto::Begin begin;
  begin.generation = order_.generation;
  begin.image_path = member.image.path;
  begin.exit_after = order_.exit_after;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
  begin.quiesce_ms = static_cast<std::uint32_t>(std::max<long long>(left, 100));
  begin.leader_slept_ns = member.leader_slept_ns;
  if (const char* stdio = std::getenv(environment::kStdio)) begin.stdio = stdio;  // set by stasis restart only
  connection.send(begin);
  return true;
}

void Checkpoint::take(Connection& connection, const Frame& frame) {
  const auto found = members_.find(connection.pid());
  if (is_over() || found == members_.end() || found->second.connection != &connection) return;
  Member& member = found->second;
  if (frame.type == proto::MessageType::failed) {
    const auto failed = frame.as<proto::Failed>();
    Error failure = error(failed.code, failed.detail);
    failure.sys_errno = failed.sys_errno;
    return abandon(failure.with(name_of(member)));
  }
  if (frame.type == proto::MessageType::quiesced && member.progress == Progress::begun) {
    member.stopped_ns = frame.as<proto::Quiesced>().stopped_ns;
    member.progress = Progress::quiesced;
    next_step_ = Clock::now();
  } else if (frame.type == proto::MessageType::inventory && member.progress == Progress::quiesced && phase_ == Phase::elect) {
    frame.as<proto::Inventory>().entries.for_each([&](const proto::SharedEntry& entry) { member.inventory.push_back(entry); });
    member.progress = Progress::inventoried;
    if (all_are(Progress::inventoried)) answer_election();
  } else if (frame.type == proto::MessageType::written && member.progress == Progress::elected) {
    const auto written = frame.as<proto::Written>();
    member.image.bytes = written.bytes;
    member.image.digest = written.digest;
    member.progress = Progress::written;
    if (all_are(Progress::written)) {
      written_ns_ = monotonic_ns();
      phase_ = Phase::written;
    }
  } else if (frame.type != proto::MessageType::resumed) {
    abandon(error(ErrorCode::protocol, name_of(member)).with("an unexpected message"));
  }
  step();
}

void Checkpoint::lose(Connection& connection) {
  const auto found = members_.find(connection.pid());
  if (found == members_.end() || found->second.connection != &connection) return;
  found->second.connection = nullptr;
  if (is_over()) return;
  if (found->second.progress < Progress::quiesced) {  // it has ended by itself while it was being stopped
    members_.erase(found);
    next_step_ = Clock::now();
    return step();
  }
  abandon(error(ErrorCode::member_lost, name_of(found->second)));
}

void Checkpoint::begin_election() {
  phase_ = Phase::elect;
  deadline_ = Clock::now() + kElectLimit;
  next_step_ = deadline_;
  for (auto& [pid, member] : members_) member.connection->send(proto::Elect{});
}

void Checkpoint::answer_election() {
  std::map<std::int32_t, std::vector<proto::SharedEntry>> inventories;
  for (const auto& [pid, member] : members_) inventories.emplace(pid, member.inventory);
  const auto answers = elect(inventories);
  if (!answers) return abandon(answers.error());
  phase_ = Phase::write;
  deadline_ = next_step_ = Clock::now() + kWriteLimit;
  for (auto& [pid, member] : members_) {
    const std::vector<proto::ElectedEntry>& entries = (*answers).at(pid);
    member.progress = Progress::elected;
    member.connection->send(proto::Elected{{entries.data(), static_cast<std::uint32_t>(entries.size())}});
  }
}

Error Checkpoint::late() const {
  for (const Process& process : waited_for_) {
    if (process.state == MemberState::dormant) return error(ErrorCode::unsupported, process.name).with("process " + std::to_string(process.pid) + " takes no part and does not end");
    return error(ErrorCode::unsupported, process.name).with("process " + std::to_string(process.pid) + " has not loaded the library (statically linked or set-user-id?)");
  }
  for (const auto& [pid, member] : members_) {
    if (phase_ == Phase::quiesce && member.progress < Progress::quiesced) return error(ErrorCode::hung, name_of(member)).with("it did not stop");
    if (phase_ == Phase::elect && member.progress < Progress::inventoried) return error(ErrorCode::hung, name_of(member)).with("it did not say what it shares");
    if (phase_ == Phase::write && member.progress < Progress::written) return error(ErrorCode::hung, name_of(member)).with("its image does not grow");
  }
  return error(ErrorCode::hung, "new processes come too fast");
}

void Checkpoint::abandon(const Error& failure) {
  if (is_over()) return;
  failure_ = failure;
  phase_ = Phase::abandoned;
  for (auto& [pid, member] : members_) {
    if (member.connection != nullptr) member.connection->send(proto::Abandon{});
  }
}

void Checkpoint::resume() {
  for (auto& [pid, member] : members_) {
    if (member.connection != nullptr) member.connection->send(proto::Resume{});
  }
}

store::Manifest Checkpoint::manifest(std::int32_t root) const {
  store::Manifest manifest;
  manifest.generation = order_.generation;
  manifest.root = root;
  manifest.reason = order_.reason;
  std::uint64_t first = written_ns_;
  for (const auto& [pid, member] : members_) {
    manifest.images.push_back(member.image);
    if (member.stopped_ns != 0) first = std::min(first, member.stopped_ns);
  }
  manifest.stopped_us = (written_ns_ - first) / 1000;
  return manifest;
}

std::vector<std::int32_t> Checkpoint::pids() const {
  std::vector<std::int32_t> pids;
  for (const auto& [pid, member] : members_) pids.push_back(pid);
  return pids;
}

}  // namespace stasis::coordinator
