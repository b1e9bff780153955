// One checkpoint, phase by phase: the coordinator's half of the list in docs/ARCHITECTURE.md.
//
// A state machine that is told of messages, of lost peers and of passing time, and tells the members what to do. It never blocks. When it
// is over, outcome() says how; committing, ending the members and answering whoever asked is the caller's (coordinator.cpp).
// Any failure abandons: every member that has joined is told to undo and run on.
// World: programs.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/connection.hpp"
#include "coordinator/processes.hpp"
#include "coordinator/store.hpp"
#include "core/base/result.hpp"

namespace stasis::coordinator {

using Clock = std::chrono::steady_clock;

enum class Phase { quiesce, elect, write, written, abandoned };

class Checkpoint {
 public:
  struct Order {
    std::uint64_t generation = 0;
    std::string reason;
    bool exit_after = false;
    std::string image_directory;
  };
  Checkpoint(const Order& order, const MemberTable& table, const std::string& computation, const std::vector<std::int32_t>& roots);

  const Order& order() const { return order_; }
  Phase phase() const { return phase_; }
  bool is_over() const { return phase_ == Phase::written || phase_ == Phase::abandoned; }
  const Error& failure() const { return failure_; }
  // When step() must be called again even if nothing happens.
  Clock::time_point next_step() const { return next_step_; }

  // Looks around and goes on; to be called at the start, after each message and when next_step() has come.
  void step();
  // A member's first message of a connection; false if it does not belong to this checkpoint (the caller declines).
  bool take_hello(Connection& connection);
  void take(Connection& connection, const Frame& frame);
  // The connection is about to be destroyed.
  void lose(Connection& connection);

  // The phase is written: tells all members to run on.
  void resume();
  void abandon(const Error& failure);
  // What goes into the manifest. Phase written.
  store::Manifest manifest(std::int32_t root) const;
  std::vector<std::int32_t> pids() const;
  std::size_t size() const { return members_.size(); }

 private:
  enum class Progress { called, begun, quiesced, inventoried, elected, written };
  struct Member {
    Process process;
    Progress progress = Progress::called;
    std::uint64_t leader_slept_ns = 0;
    Connection* connection = nullptr;
    std::vector<proto::SharedEntry> inventory;
    std::uint64_t stopped_ns = 0;
    store::ManifestImage image;
  };

  void call_new_members(const Census& census);
  void quiesce_round();
  bool all_are(Progress progress) const;
  void begin_election();
  void answer_election();
  bool images_grow();
  Error late() const;
  std::string name_of(const Member& member) const;

  Order order_;
  const MemberTable& table_;
  std::string computation_;
  std::vector<std::int32_t> roots_;
  Phase phase_ = Phase::quiesce;
  Error failure_;
  std::map<std::int32_t, Member> members_;
  std::vector<Process> waited_for_;
  Clock::time_point deadline_;
  Clock::time_point next_step_;
  std::uint64_t written_ns_ = 0;
  std::uint64_t blocks_seen_ = 0;  // of all images together, when the write phase was last found late
};

}  // namespace stasis::coordinator
