// The root coordinator of a computation: the schedule, the store, the answers to whoever asks, and the checkpoints of all nodes together.
//
// Its own node lives in the same process and gets its orders by a call; those of other nodes connect over TCP when the computation can have any
// (a batch job). Reports are queued and handled in turn, so that no node's answer is handled in the middle of another's.
// It ends when no process is left on its own node.
// World: programs. One thread; only committing (the program runs again by then) and the batch system's commands block.
#pragma once
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/node.hpp"
#include "coordinator/remote_node.hpp"
#include "coordinator/root_checkpoint.hpp"
#include "coordinator/starter.hpp"
#include "coordinator/store.hpp"
#include "coordinator/this_node.hpp"
#include "core/environment.hpp"

namespace stasis::coordinator {

class Root final : public NodeOwner, public NodeAudience {
 public:
  struct Settings {
    std::string store;
    std::string command;             // for people, kept in a new store
    std::uint64_t interval_seconds = 0;
    bool connects = false;    // of a restart, see Node::Settings
    std::uint64_t keep = 2;
    bool slurm = false;              // in a job of Slurm: other nodes may come
    std::uint64_t restored = 0;      // generation that is being brought back, 0 for a new program
    std::uint64_t expect = 0;        // how many processes that has on this node
  };
  // `starter` hears when all parts of a restart run, or why they do not.
  Root(const Settings& settings, Starter& starter) : settings_(settings), starter_(starter), node_(loop_, *this), own_(node_), listener_(loop_, *this) {}
  // Makes everything that answers; then the store can be published.
  Status open();
  // Until the computation has ended. Returns the exit status.
  int run();

  void reported(const Report& report) override { events_.push_back({&own_, report}); }
  void requested(Connection& connection, const proto::Request& request) override;
  void gone(Connection& connection) override;
  bool admits(const proto::NodeHello& hello) override;
  void came(RemoteNode& node) override;
  void reported(RemoteNode& node, const Report& report) override { events_.push_back({&node, report}); }
  void lost(RemoteNode& node) override;

 private:
  class OwnNode final : public NodeLink {
   public:
    explicit OwnNode(Node& node) : node_(node) {}
    void order(const Order& order) override { node_.order(order); }
    store::ManifestPart shape() const override { return {store_layout::kRootPart, host_name(), "", 1, 0, node_addresses()}; }
    std::string name() const override { return "node " + host_name(); }

   private:
    Node& node_;
  };
  struct Event {
    NodeLink* node = nullptr;
    Report report;
  };
  struct Wanted {  // a checkpoint that somebody asked for
    std::string reason;
    bool exit_after = false;
    int again = 0;  // how often it has been begun anew because a step began or ended meanwhile
  };
  struct Ending {
    std::set<NodeLink*> waited_for;
    Clock::time_point limit;
  };

  Clock::time_point next_step() const;
  void advance();
  void handle_events();
  void handle(NodeLink& node, const Report& report);
  void handle_restored(NodeLink& node);
  void introduce(RemoteNode& node);
  void restart_failed(const Error& failure);
  Result<std::set<std::int32_t>> read_restored();
  void handle_notice(NodeLink& node, int signal);
  void want_checkpoint(Connection& connection, const proto::Request& request);
  void begin_next();
  Status start_checkpoint(const Wanted& wanted);
  void finish_checkpoint();
  void end_after_checkpoint();
  void abandoned(const Error& failure);
  void begin_ending();
  void check_ending();
  void answer(const Error& failure, const std::string& text, const std::string& json);
  std::string status_json() const;
  void schedule_next();

  Settings settings_;
  Starter& starter_;
  EventLoop loop_;
  Store store_;
  Node node_;
  OwnNode own_;
  NodeListener listener_;
  std::string key_;
  std::vector<RemoteNode*> others_;
  std::deque<Event> events_;
  std::optional<RootCheckpoint> current_;
  Wanted wanted_;                       // what the current checkpoint was asked for
  std::vector<Connection*> askers_;     // of the current checkpoint, or of the end
  std::optional<Wanted> next_;          // asked for before the computation was there, or while another checkpoint ran
  std::vector<Connection*> next_askers_;
  std::optional<Ending> ending_;
  std::string last_answer_, last_json_; // what the askers get when the end that follows a checkpoint has come
  NodeLink* noticed_ = nullptr;         // the node whose notice the current checkpoint answers
  int notice_signal_ = 0;
  bool final_committed_ = false;        // further notices are only echoes
  std::set<std::string> missing_parts_; // of a restart: those whose processes are not all there
  bool ended_ = false;
  Clock::time_point next_interval_{};
  Clock::time_point start_limit_{};
};

}  // namespace stasis::coordinator
