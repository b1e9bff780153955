// One checkpoint of the whole computation: the root's half of the list in docs/ARCHITECTURE.md, one row a phase.
//
// A barrier: every phase is one order to each node and one report from each; the next begins when all have reported. It is told of reports, of
// lost nodes and of passing time, and never blocks. When it is over, phase() says how; committing and ending are the root's (root.cpp).
// Any failure abandons on all nodes.
// World: programs.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/event_loop.hpp"
#include "coordinator/node_link.hpp"

namespace stasis::coordinator {

enum class Phase { quiesce, record, sync, complete, abandoned };

// What all nodes do in a phase, and what comes after it.
struct PhaseRow {
  Phase phase;
  OrderKind order;
  ReportKind awaited;
  bool resumes;                // when it begins the program runs on, unless it shall end
  std::chrono::seconds limit;  // for a node that does not even fail; 0: it may take as long as it takes, the node itself watches it
  Phase next;
  const char* undone;          // for people, of a node that is late: "node n2: it has not ..."
};

inline constexpr PhaseRow kPhases[] = {
    {Phase::quiesce, OrderKind::quiesce, ReportKind::stopped, false, std::chrono::seconds(20), Phase::record, "stopped its processes"},
    {Phase::record, OrderKind::record, ReportKind::recorded, false, std::chrono::seconds(0), Phase::sync, "written its images"},
    {Phase::sync, OrderKind::sync, ReportKind::synced, true, std::chrono::seconds(0), Phase::complete, "made its images durable"},
};

class RootCheckpoint {
 public:
  struct Wish {
    std::uint64_t generation = 0;
    std::string reason;
    bool exit_after = false;
  };
  // Orders the first phase. The links outlive this, or are reported lost before they end.
  RootCheckpoint(const Wish& wish, const std::vector<NodeLink*>& nodes);

  const Wish& wish() const { return wish_; }
  Phase phase() const { return phase_; }
  bool is_over() const { return phase_ == Phase::complete || phase_ == Phase::abandoned; }
  const Error& failure() const { return failure_; }
  Clock::time_point deadline() const { return deadline_; }

  void take(NodeLink& node, const Report& report);
  void lose(NodeLink& node);
  // A node that came after the beginning: what it holds would be missing.
  void come(const NodeLink& node);
  void check_time();
  // Also of one that is complete but cannot be committed: the nodes' processes run on.
  void abandon(const Error& failure);
  // Of one that is complete and was to end the program, which shall run on after all.
  void resume();

  // Phase sync or later: what goes into the manifest.
  store::Manifest manifest() const;

 private:
  void enter(Phase phase);
  void order_all(OrderKind kind);

  struct Part {
    NodeLink* node = nullptr;
    bool reported = false;
    Report recorded;
  };
  std::vector<Part>::iterator find(const NodeLink& node);
  Wish wish_;
  Phase phase_ = Phase::quiesce;
  Error failure_;
  std::vector<Part> parts_;  // in the order given: the root's own node first
  Clock::time_point deadline_;
};

}  // namespace stasis::coordinator
