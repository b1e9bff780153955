// One checkpoint of the processes of one node: the node's half of the list in docs/ARCHITECTURE.md, one row a phase.
//
// A state machine that is told of messages, of lost peers and of passing time, and tells the members what to do. It never blocks. It stops
// twice, in the phases stopped and written, until the node goes on with record(), resume() or abandon() as the root has ordered.
// Any failure abandons: every member that has joined is told to undo and run on.
// World: programs.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/connection.hpp"
#include "coordinator/event_loop.hpp"
#include "coordinator/processes.hpp"
#include "core/base/result.hpp"
#include "core/store/manifest.hpp"

namespace stasis::coordinator {

enum class NodePhase { quiesce, stopped, elect, write, written, abandoned };
enum class Progress { called, begun, quiesced, inventoried, elected, written };

// What every member must have done for a phase to be over, what comes then, and how long a member may do nothing before it is hung.
struct NodePhaseRow {
  NodePhase phase;
  Progress awaited;
  std::chrono::seconds limit;  // 0: the next step is the root's
  NodePhase next;
  const char* undone;          // for people, of a member that is late
};

// Writing may take as long as it likes while images grow: a disk may be slow, a member that writes nothing for this long is hung.
inline constexpr NodePhaseRow kNodePhases[] = {
    {NodePhase::quiesce, Progress::quiesced, std::chrono::seconds(10), NodePhase::stopped, "it did not stop"},
    {NodePhase::stopped, Progress::quiesced, std::chrono::seconds(0), NodePhase::elect, ""},
    {NodePhase::elect, Progress::inventoried, std::chrono::seconds(30), NodePhase::write, "it did not say what it shares"},
    {NodePhase::write, Progress::written, std::chrono::seconds(60), NodePhase::written, "its image does not grow"},
    {NodePhase::written, Progress::written, std::chrono::seconds(0), NodePhase::written, ""},
};

class NodeCheckpoint {
 public:
  struct Wish {
    std::uint64_t generation = 0;
    bool exit_after = false;
    std::string image_directory;
  };
  NodeCheckpoint(const Wish& wish, const MemberTable& table, const std::string& computation, const std::vector<std::int32_t>& roots);

  std::uint64_t generation() const { return wish_.generation; }
  NodePhase phase() const { return phase_; }
  bool is_over() const { return phase_ == NodePhase::written || phase_ == NodePhase::abandoned; }
  const Error& failure() const { return failure_; }
  // When step() must be called again even if nothing happens.
  Clock::time_point next_step() const { return next_step_; }

  // Looks around and goes on; to be called at the start, after each message and when next_step() has come.
  void step();
  // A member's first message of a connection; false if it does not belong to this checkpoint (the caller declines).
  bool take_hello(Connection& connection);
  void take(Connection& connection, const Frame& frame);
  // What a member lends to another, with the descriptors that came with it, which stay the caller's.
  void pass_on(Connection& lender, const Frame& frame, const std::vector<int>& fds);
  // The connection is about to be destroyed.
  void lose(Connection& connection);

  // Phase stopped: all processes of the computation stand still, on all nodes; elects and has the images written.
  void record();
  // Phase written: tells all members to run on. Returns their connections, on which they say that they do.
  std::set<Connection*> resume();
  void abandon(const Error& failure);
  // Phase stopped or later: the launchers that run on behalf of members.
  const std::vector<Launcher>& launchers() const { return launchers_; }
  // Phase written.
  std::vector<store::ManifestImage> images() const;
  std::uint64_t stopped_us() const;

 private:
  struct Member {
    Process process;
    Progress progress = Progress::called;
    std::uint64_t leader_slept_ns = 0;
    Connection* connection = nullptr;
    std::vector<proto::SharedEntry> inventory;
    std::vector<proto::SharedExtent> extents;
    std::uint64_t stopped_ns = 0;
    store::ManifestImage image;
  };

  void call_new_members(const Census& census);
  void quiesce_round();
  std::optional<Error> find_unable(const Census& census) const;
  bool all_are(Progress progress) const;
  void enter(NodePhase phase);
  const NodePhaseRow& row() const;
  void answer_election();
  bool images_grow();
  Error late() const;
  std::string name_of(const Member& member) const;

  Wish wish_;
  const MemberTable& table_;
  std::string computation_;
  std::vector<std::int32_t> roots_;
  NodePhase phase_ = NodePhase::quiesce;
  Error failure_;
  std::map<std::int32_t, Member> members_;
  std::vector<Process> waited_for_;
  Clock::time_point entered_;                                // when the phase began
  Clock::time_point unable_since_ = Clock::time_point::max();  // since when one whom we wait for cannot answer, max: none
  std::vector<Launcher> launchers_;
  Clock::time_point deadline_;
  Clock::time_point next_step_;
  std::uint64_t written_ns_ = 0;
  std::uint64_t blocks_seen_ = 0;  // of all images together, when the write phase was last found late
};

}  // namespace stasis::coordinator
