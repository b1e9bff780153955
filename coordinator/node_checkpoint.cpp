// See node_checkpoint.hpp.
// World: programs.
#include "coordinator/node_checkpoint.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <utility>

#include "coordinator/confinement.hpp"
#include "coordinator/election.hpp"
#include "coordinator/log.hpp"
#include "core/environment.hpp"
#include "core/program_file.hpp"

namespace stasis::coordinator {
namespace {

constexpr std::chrono::seconds kPatience{1};  // with who cannot answer: shells stop and continue their jobs, and statically linked tools end, in much less
constexpr std::chrono::milliseconds kLate{100};     // is who has not answered in this time
constexpr std::chrono::milliseconds kLookAgain{2};  // an exec and a start-up are no events that could be waited for

std::uint64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(now.tv_nsec);
}

// How long `row` may take; 0: for ever.
std::chrono::seconds limit_of(const NodePhaseRow& row) {
  const char* given = std::getenv(environment::kLimit);
  const int seconds = given == nullptr ? 0 : std::atoi(given);
  return row.limit.count() == 0 || seconds <= 0 ? row.limit : std::chrono::seconds(seconds);
}

// Programs that stand for processes elsewhere: what they started would be missing after a restart.
bool is_launcher(const Process& process) {
  const std::string name = process.name.substr(process.name.rfind('/') + 1);
  for (const char* launcher : {"srun", "salloc", "sattach", "ssh", "scp", "sftp", "rsh", "stasis"}) {
    if (name == launcher) return true;
  }
  return false;
}

// Why a process that we wait for cannot answer; empty if it can.
std::string inability_of(const Process& process, bool is_late) {
  if (process.is_stopped) return "has been stopped by a signal (SIGSTOP, ^Z) or a debugger";
  if (process.is_foreign) return "has not loaded the library (set-user-id)";
  if (!is_late) return {};  // most answer at once, and their files need no look
  const Status judged = check_program("/proc/" + std::to_string(process.pid) + "/task/" + std::to_string(process.thread) + "/exe");
  if (judged.ok()) return {};
  return judged.error().code == ErrorCode::static_program ? "has not loaded the library (statically linked)" : "has not loaded the library (set-user-id, or not for this machine)";
}

}  // namespace

NodeCheckpoint::NodeCheckpoint(const Wish& wish, const MemberTable& table, const std::string& computation, const std::vector<std::int32_t>& roots)
    : wish_(wish), table_(table), computation_(computation), roots_(roots), next_step_(Clock::now()) {
  enter(NodePhase::quiesce);
}

std::string NodeCheckpoint::name_of(const Member& member) const {
  return "process " + std::to_string(member.process.pid) + " " + member.process.name;
}

bool NodeCheckpoint::all_are(Progress progress) const {
  return std::all_of(members_.begin(), members_.end(), [&](const auto& entry) { return entry.second.progress >= progress; });
}

const NodePhaseRow& NodeCheckpoint::row() const {
  return *std::find_if(std::begin(kNodePhases), std::end(kNodePhases), [this](const NodePhaseRow& one) { return one.phase == phase_; });
}

void NodeCheckpoint::enter(NodePhase phase) {
  phase_ = phase;
  entered_ = Clock::now();
  const std::chrono::seconds limit = limit_of(row());
  deadline_ = limit.count() == 0 ? Clock::time_point::max() : entered_ + limit;
  if (phase != NodePhase::quiesce) next_step_ = deadline_;
}

void NodeCheckpoint::step() {
  if (is_over()) return;
  if (phase_ == NodePhase::quiesce) quiesce_round();
  if (is_over() || Clock::now() < deadline_) return;
  if (phase_ == NodePhase::write && images_grow()) return enter(NodePhase::write);
  abandon(late());
}

bool NodeCheckpoint::images_grow() {
  std::uint64_t bytes = 0;
  for (const auto& [pid, member] : members_) {
    struct stat status{};
    if (::stat(member.image.path.c_str(), &status) == 0) bytes += static_cast<std::uint64_t>(status.st_blocks);
  }
  return bytes > std::exchange(blocks_seen_, bytes);
}

void NodeCheckpoint::call_new_members(const Census& census) {
  for (const auto& [pid, process] : census.members) {
    if (members_.contains(pid)) continue;
    if (const std::string how = confinement_of(process); !how.empty())
      return abandon(error(ErrorCode::unsupported, how).with("process " + std::to_string(pid) + " " + process.name));
    Member member;
    member.process = process;
    member.leader_slept_ns = slept_ns(process);
    if (send_stop_signal(process)) members_.emplace(pid, std::move(member));
  }
}

std::optional<Error> NodeCheckpoint::find_unable(const Census& census) const {
  std::vector<const Process*> silent;
  for (const Process& process : census.pending) silent.push_back(&process);
  for (const auto& [pid, process] : census.members) {
    const auto member = members_.find(pid);
    if (member != members_.end() && member->second.progress < Progress::quiesced) silent.push_back(&process);
  }
  const bool is_late = Clock::now() - entered_ > kLate;
  for (const Process* process : silent)
    if (const std::string why = inability_of(*process, is_late); !why.empty())
      return error(ErrorCode::unsupported, process->name).with("process " + std::to_string(process->pid) + " " + why);
  return std::nullopt;
}

// Until everybody whom a look shows stands still; a process that was forked meanwhile is found by the next look.
void NodeCheckpoint::quiesce_round() {
  if (Clock::now() < next_step_ && !all_are(row().awaited)) return;
  const Clock::time_point began = Clock::now();
  const Census census = take_census(table_, computation_, roots_);
  for (const Process& process : census.dormant) {
    if (!is_launcher(process)) continue;
    return abandon(error(ErrorCode::unsupported, process.name).with("process " + std::to_string(process.pid) + " is a launcher that the job waits for"));
  }
  for (const Process& process : census.pending)
    if (process.state == MemberState::emulated) return abandon(error(ErrorCode::unsupported, "process " + std::to_string(process.pid) + " runs inside valgrind (" + process.name + ")"));
  std::erase_if(members_, [&](const auto& entry) { return entry.second.progress < Progress::quiesced && !census.members.contains(entry.first) && entry.second.connection == nullptr; });
  launchers_ = census.launchers;
  const std::size_t known = members_.size();
  call_new_members(census);
  if (is_over()) return;
  waited_for_ = census.pending;
  waited_for_.insert(waited_for_.end(), census.dormant.begin(), census.dormant.end());
  const std::optional<Error> unable = find_unable(census);
  if (!unable) unable_since_ = Clock::time_point::max();
  else if (unable_since_ == Clock::time_point::max()) unable_since_ = Clock::now();
  else if (Clock::now() - unable_since_ > kPatience) return abandon(*unable);
  if (members_.empty() && waited_for_.empty()) return abandon(error(ErrorCode::member_lost, "no process of the computation is left"));
  if (members_.size() == known && waited_for_.empty() && !members_.empty() && all_are(row().awaited)) return enter(row().next);
  // Looking costs time that the processes could use to stop.
  next_step_ = Clock::now() + std::max<Clock::duration>(kLookAgain, 2 * (Clock::now() - began));
}

bool NodeCheckpoint::take_hello(Connection& connection) {
  const auto found = members_.find(connection.pid());
  if (phase_ != NodePhase::quiesce || found == members_.end() || found->second.connection != nullptr) return false;
  Member& member = found->second;
  member.connection = &connection;
  member.progress = Progress::begun;
  member.image.pid = connection.programs_pid();
  member.image.program = member.process.name;
  member.image.path = wish_.image_directory + "/" + std::to_string(connection.programs_pid()) + store_layout::kImageSuffix;
  proto::Begin begin;
  begin.generation = wish_.generation;
  begin.image_path = member.image.path;
  begin.exit_after = wish_.exit_after;
  begin.called_thread = member.process.thread;
  begin.leader_slept_ns = member.leader_slept_ns;
  if (const char* stdio = std::getenv(environment::kStdio)) begin.stdio = stdio;  // set by stasis restart only
  connection.send(begin);
  return true;
}

void NodeCheckpoint::take(Connection& connection, const Frame& frame) {
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
    member.progress = Progress::quiesced;  // the last one of those that are known makes the next look due
  } else if (frame.type == proto::MessageType::inventory && member.progress == Progress::quiesced && phase_ == NodePhase::elect) {
    const auto inventory = frame.as<proto::Inventory>();
    inventory.entries.for_each([&](const proto::SharedEntry& entry) { member.inventory.push_back(entry); });
    bool is_whole = true;
    inventory.extents.for_each([&](const proto::SharedExtent& extent) {
      member.extents.push_back(extent);
      is_whole &= extent.entry < member.inventory.size();
    });
    if (!is_whole) return abandon(error(ErrorCode::protocol, name_of(member)).with("an extent of nothing"));
    member.progress = Progress::inventoried;
    if (all_are(row().awaited)) answer_election();
  } else if (frame.type == proto::MessageType::written && member.progress == Progress::elected) {
    const auto written = frame.as<proto::Written>();
    member.image.bytes = written.bytes;
    member.image.digest = written.digest;
    member.progress = Progress::written;
    if (all_are(row().awaited)) {
      written_ns_ = monotonic_ns();
      enter(row().next);
    }
  } else {
    abandon(error(ErrorCode::protocol, name_of(member)).with("an unexpected message"));
  }
  step();
}

void NodeCheckpoint::lose(Connection& connection) {
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

void NodeCheckpoint::record() {
  if (phase_ != NodePhase::stopped) return;
  enter(row().next);
  for (auto& [pid, member] : members_) member.connection->send(proto::Elect{});
}

void NodeCheckpoint::answer_election() {
  std::map<std::int32_t, std::vector<proto::SharedEntry>> inventories;
  for (const auto& [pid, member] : members_) inventories.emplace(pid, member.inventory);
  if (const auto outside = find_outside(inventories))
    return abandon(error(ErrorCode::unsupported, name_of(members_.at(outside->pid))).with("descriptor " + std::to_string(outside->fd) + " is a connection to a program outside the computation (STASIS_OUTSIDE=refuse)"));
  auto answers = elect(inventories);
  if (!answers) return abandon(answers.error());
  const auto lendings = find_lenders(inventories, *answers);
  std::map<std::int32_t, std::vector<proto::SharedExtent>> extents;
  for (const auto& [pid, member] : members_) extents.emplace(pid, member.extents);
  const auto parts = divide_memory(extents, *answers);
  enter(row().next);
  for (auto& [pid, member] : members_) {
    const std::vector<proto::ElectedEntry>& entries = (*answers).at(pid);
    proto::Elected elected{{entries.data(), static_cast<std::uint32_t>(entries.size())}, {}, {}};
    if (const auto found = parts.find(pid); found != parts.end()) elected.parts = {found->second.data(), static_cast<std::uint32_t>(found->second.size())};
    if (const auto found = lendings.find(pid); found != lendings.end()) elected.lendings = {found->second.data(), static_cast<std::uint32_t>(found->second.size())};
    member.progress = Progress::elected;
    member.connection->send(elected);
  }
}

void NodeCheckpoint::pass_on(Connection& lender, const Frame& frame, const std::vector<int>& fds) {
  const auto found = members_.find(lender.pid());
  if (is_over() || found == members_.end() || found->second.connection != &lender) return;
  const auto lent = frame.as<proto::Lent>();
  const auto borrower = members_.find(lent.lending.borrower);
  if (found->second.progress != Progress::elected || fds.size() != 2 || borrower == members_.end() || borrower->second.connection == nullptr)
    return abandon(error(ErrorCode::protocol, name_of(found->second)).with("a description was lent without its descriptors, or to nobody"));
  borrower->second.connection->send_with(lent, fds);
}

Error NodeCheckpoint::late() const {
  for (const Process& process : waited_for_) {
    if (process.state == MemberState::dormant) return error(ErrorCode::unsupported, process.name).with("process " + std::to_string(process.pid) + " takes no part and does not end");
    return error(ErrorCode::unsupported, process.name).with("process " + std::to_string(process.pid) + " has not loaded the library");
  }
  for (const auto& [pid, member] : members_) {
    if (member.progress < row().awaited) return error(ErrorCode::hung, name_of(member)).with(row().undone);
  }
  return error(ErrorCode::hung, "new processes come too fast");
}

void NodeCheckpoint::abandon(const Error& failure) {
  if (is_over()) return;
  failure_ = failure;
  phase_ = NodePhase::abandoned;
  for (auto& [pid, member] : members_) {
    if (member.connection != nullptr) member.connection->send(proto::Abandon{});
  }
}

std::set<Connection*> NodeCheckpoint::resume() {
  std::set<Connection*> resuming;
  for (auto& [pid, member] : members_) {
    if (member.connection != nullptr && member.connection->send(proto::Resume{})) resuming.insert(member.connection);
  }
  return resuming;
}

std::vector<store::ManifestImage> NodeCheckpoint::images() const {
  std::vector<store::ManifestImage> images;
  for (const auto& [pid, member] : members_) {
    images.push_back(member.image);
    for (const Launcher& launcher : launchers_)
      if (launcher.process.parent == pid) images.back().launch = launcher.launch;
  }
  return images;
}

std::uint64_t NodeCheckpoint::stopped_us() const {
  std::uint64_t first = written_ns_;
  for (const auto& [pid, member] : members_) {
    if (member.stopped_ns != 0) first = std::min(first, member.stopped_ns);
  }
  return (written_ns_ - first) / 1000;
}

}  // namespace stasis::coordinator
