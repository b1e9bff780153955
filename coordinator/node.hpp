// The node coordinator: the processes of the computation on this node, and all that is done with them.
//
// It owns the run directory, listens for members and for programs that ask for something, stops, records and ends the processes as the root
// orders, and reports. On the root's own node it lives in the root's process (root.cpp), on others in one of its own (remote_root.cpp): the
// code is the same.
// World: programs. One thread, the loop's.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/event_loop.hpp"
#include "coordinator/node_checkpoint.hpp"
#include "coordinator/node_link.hpp"
#include "coordinator/run_directory.hpp"

namespace stasis::coordinator {

// Who a node coordinator reports to. Calls come from within order(), advance() and the loop's handlers.
class NodeOwner {
 public:
  virtual ~NodeOwner() = default;
  virtual void reported(const Report& report) = 0;
  // A program of ours asked for something that is not the node's to answer. The key has been checked.
  virtual void requested(Connection& connection, const proto::Request& request) = 0;
  // The connection of somebody who may have asked is about to be destroyed.
  virtual void gone(Connection& connection) = 0;
};

// The one answer to a Request.
void reply(Connection& connection, const Error& failure, const std::string& text, const std::string& json = "{}");

// Where a part's coordinator has its task's standard output and error (Node::Settings::has_streams).
inline constexpr int kTaskOutput = 4;
inline constexpr int kTaskError = 5;

class Node {
 public:
  struct Settings {
    std::string store;             // directory
    std::string computation;
    std::string part;              // directory of this node's images in a generation
    std::string key;
    std::uint64_t restored = 0;    // generation that is being brought back, 0 for a new program
    std::uint64_t expect = 0;      // how many processes that has here
    std::set<std::int32_t> proxies;  // of these the launch proxies that wait for a launch: they run at once, to launch it anew
    bool connects = false;         // of a restart: whoever makes the processes says when their connections to other parts are made anew, too (Verb::connected)
    std::string launch;            // id of the launch that this part belongs to
    std::uint32_t task = 0;        // the part's task in it
    bool has_streams = false;      // descriptors 4 and 5 are that task's stdout and stderr; ours
  };
  Node(EventLoop& loop, NodeOwner& owner) : loop_(loop), owner_(owner) {}
  ~Node();

  // Makes the run directory and listens.
  Status open(const Settings& settings);
  const RunDirectory& run_directory() const { return run_; }
  // A first process has been registered, or all processes of a restart run.
  bool is_started() const { return started_; }
  Census census() const;

  void order(const Order& order);
  // To be called after each round of the loop.
  void advance();
  Clock::time_point next_step() const;

 private:
  struct Undecided {  // a member that said Hello without having been called
    Connection* connection = nullptr;
    Clock::time_point limit;
  };

  void accept_all();
  void read_from(Connection* connection);
  void drop(Connection* connection);
  void handle(Connection& connection, const Frame& frame);
  void handle_lent(Connection& connection, const Frame& frame);
  void handle_hello(Connection& connection, const Frame& frame);
  void handle_restored(Connection& connection);
  void report_restored();
  void resume_proxy(Connection& connection);
  void forget_proxies();
  void handle_notice(Connection& connection, const Frame& frame);
  void handle_request(Connection& connection, const Frame& frame);
  void register_root(Connection& connection, std::int32_t pid);
  void decide_late_hellos();
  void quiesce(const Order& order);
  void look(const Order& order);
  void drain();
  void report_progress();
  void sync_images();
  void report_synced();
  void resume();
  void end();
  void watch_next();
  void watch(std::int32_t pid);
  void report(ReportKind kind);
  void fail(const Error& failure);
  std::vector<std::int32_t> roots() const;

  EventLoop& loop_;
  NodeOwner& owner_;
  Settings settings_;
  RunDirectory run_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::optional<NodeCheckpoint> current_;
  NodePhase reported_ = NodePhase::quiesce;    // of the current checkpoint: what the root has been told
  std::vector<store::ManifestImage> images_;   // of the last checkpoint, to be made durable
  std::set<Connection*> resuming_;             // members that have been told to run on and have not said that they do
  bool synced_ = false;                        // images_ are durable, and that has not been reported
  Clock::time_point resume_limit_ = Clock::time_point::max();
  std::uint64_t generation_ = 0;               // of the last order of a checkpoint
  std::vector<Undecided> undecided_;
  std::vector<Connection*> restored_;          // members that wait for everybody's return
  std::map<std::int32_t, int> proxies_back_;   // members that did not have to, with pidfds: who launches nothing any more ends the waiting
  std::int32_t root_ = 0;
  int watched_fd_ = -1;                        // pidfd of a process that lives; when it ends, we look who is left
  std::int32_t watched_pid_ = 0;
  bool started_ = false;
  bool waits_for_connections_ = false;
};

}  // namespace stasis::coordinator
