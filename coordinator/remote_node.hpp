// The root's end of the TCP connections from the node coordinators of other nodes (and of other steps on this one).
//
// Whoever connects gets a challenge and ten seconds to prove that it knows the computation's key; only then the root hears of it. A node that is
// switched off is noticed within half a minute (TCP keep-alive, and TCP_USER_TIMEOUT for what was sent).
// World: programs. One thread, the loop's.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/connection.hpp"
#include "coordinator/event_loop.hpp"
#include "coordinator/node_link.hpp"

namespace stasis::coordinator {

class RemoteNode final : public NodeLink {
 public:
  RemoteNode(std::unique_ptr<Connection> connection, const proto::NodeHello& hello);
  void order(const Order& order) override;
  std::string name() const override;
  store::ManifestPart shape() const override { return shape_; }
  std::uint64_t restored() const { return restored_; }
  // With port 0 if it has none.
  const MeetingPlace& place() const { return place_; }
  Connection& connection() { return *connection_; }

 private:
  std::unique_ptr<Connection> connection_;
  store::ManifestPart shape_;
  std::uint64_t restored_ = 0;
  MeetingPlace place_;
};

// Who hears of the nodes.
class NodeAudience {
 public:
  virtual ~NodeAudience() = default;
  // Whether a node that knows the key may come; one that may not is dropped.
  virtual bool admits(const proto::NodeHello& hello) = 0;
  virtual void came(RemoteNode& node) = 0;
  virtual void reported(RemoteNode& node, const Report& report) = 0;
  // The node is destroyed after this returns.
  virtual void lost(RemoteNode& node) = 0;
};

class NodeListener {
 public:
  NodeListener(EventLoop& loop, NodeAudience& audience) : loop_(loop), audience_(audience) {}
  ~NodeListener();
  // Listens on a port that the kernel chooses, on all addresses.
  Status open(const std::string& computation, const std::string& key);
  std::uint16_t port() const { return port_; }
  // Drops those that have not proved themselves in time; to be called after each round.
  void check_time();
  Clock::time_point next_step() const;

 private:
  struct Newcomer {
    std::unique_ptr<Connection> connection;
    std::string challenge;
    Clock::time_point limit;
  };
  void accept_all();
  void read_from_newcomer(Connection* connection);
  void admit(Connection* connection, const Frame& frame);
  void read_from(RemoteNode* node);
  void drop(RemoteNode* node);

  EventLoop& loop_;
  NodeAudience& audience_;
  std::string computation_, key_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::vector<Newcomer> newcomers_;
  std::vector<std::unique_ptr<RemoteNode>> nodes_;
};

}  // namespace stasis::coordinator
