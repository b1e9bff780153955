// One checkpoint of the whole computation: the root's half of the list in docs/ARCHITECTURE.md, one row a phase.
//
// A barrier: every phase is one order to each node that it concerns and one report from each; the next begins when all have reported. It is told of
// reports, of nodes that come and go and of passing time, and never blocks. When it is over, phase() says how; committing and ending are the
// root's (root.cpp). Any failure abandons on all nodes.
//
// Launches (steps of srun) make it two steps more: before anything is stopped, every launcher on the root's node must have its parts here, and every
// part its launcher, else a step is just beginning or ending, which is waited for. Then the parts are stopped before the root's node, whose launch proxies
// go on until they have seen a drain marker behind everything that the tasks had written: what is on its way to a pipe or a file of the computation has
// arrived there when that is recorded.
// World: programs.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "coordinator/event_loop.hpp"
#include "coordinator/node_link.hpp"

namespace stasis::coordinator {

enum class Phase { look, quiesce_parts, drain, quiesce, record, sync, complete, abandoned };
enum class Who { own, others, all };

// What nodes do in a phase, and what comes after it.
struct PhaseRow {
  Phase phase;
  Who who;                     // a phase that concerns nobody is over at once
  OrderKind order;
  ReportKind awaited;
  bool resumes;                // when it begins the program runs on, unless it shall end
  std::chrono::seconds limit;  // for a node that does not even fail; 0: it may take as long as it takes, the node itself watches it
  Phase next;
  const char* undone;          // for people, of a node that is late: "node n2: it has not ..."
};

inline constexpr PhaseRow kPhases[] = {
    {Phase::look, Who::own, OrderKind::look, ReportKind::looked, false, std::chrono::seconds(10), Phase::quiesce_parts, "looked"},
    {Phase::quiesce_parts, Who::others, OrderKind::quiesce, ReportKind::stopped, false, std::chrono::seconds(20), Phase::drain, "stopped its processes"},
    {Phase::drain, Who::others, OrderKind::drain, ReportKind::drained, false, std::chrono::seconds(20), Phase::quiesce, "marked the end of its output"},
    {Phase::quiesce, Who::own, OrderKind::quiesce, ReportKind::stopped, false, std::chrono::seconds(20), Phase::record, "stopped its processes"},
    {Phase::record, Who::all, OrderKind::record, ReportKind::recorded, false, std::chrono::seconds(0), Phase::sync, "written its images"},
    {Phase::sync, Who::all, OrderKind::sync, ReportKind::synced, true, std::chrono::seconds(0), Phase::complete, "made its images durable"},
};

class RootCheckpoint {
 public:
  struct Wish {
    std::uint64_t generation = 0;
    std::string reason;
    bool exit_after = false;
    bool has_launches = false;  // the computation can have launches; else nobody looks for them
  };
  // Orders the first phase. The links outlive this, or are reported lost before they end.
  RootCheckpoint(const Wish& wish, const std::vector<NodeLink*>& nodes);

  const Wish& wish() const { return wish_; }
  Phase phase() const { return phase_; }
  bool is_over() const { return phase_ == Phase::complete || phase_ == Phase::abandoned; }
  const Error& failure() const { return failure_; }
  // When check_time() must be called.
  Clock::time_point next_step() const { return std::min(deadline_, next_look_); }

  void take(NodeLink& node, const Report& report);
  void lose(NodeLink& node);
  // A node that came after the beginning: part of it while nobody has been stopped; later, what it holds would be missing.
  void come(NodeLink& node);
  // A launch proxy has passed on everything that `task` of `launch` had written to `stream` before the marker with `nonce`.
  void drained(std::string_view launch, std::string_view nonce, std::uint32_t task, int stream);
  void check_time();
  // Also of one that is complete but cannot be committed: the nodes' processes run on.
  void abandon(const Error& failure);
  // Of one that is complete and was to end the program, which shall run on after all.
  void resume();

  // Phase sync or later: what goes into the manifest.
  store::Manifest manifest() const;

 private:
  void enter(Phase phase);
  void order(Who who, OrderKind kind);
  bool concerns(Who who, const NodeLink& node) const;
  // Goes on if everybody whom the phase concerns has reported, and what else it waits for is there.
  void go_on();
  void look_again();
  void compare_launches(const Report& report);

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
  std::vector<Launch> launches_;
  std::set<std::tuple<std::string, std::uint32_t, int>> awaited_;  // launch, task and stream of which the proxy has not seen the marker
  std::set<std::tuple<std::string, std::uint32_t, int>> seen_;     // it may tell before the node has
  Clock::time_point deadline_;
  Clock::time_point next_look_ = Clock::time_point::max();
};

}  // namespace stasis::coordinator
