// A node coordinator in a process of its own: the node's end of the connection to the root.
//
// It proves that it belongs to the computation when the node's processes are registered (or restored), hands the root's orders to the node and the
// node's reports to the root, and ends with the last process of the node. A root that is lost is no harm: the processes run on, without checkpoints.
// World: programs. One thread.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "coordinator/node.hpp"
#include "coordinator/starter.hpp"

namespace stasis::coordinator {

class RemoteRoot final : public NodeOwner {
 public:
  struct Settings {
    Node::Settings node;         // its computation is that of the part: the root's and the part's name
    std::string computation;     // the root's
    std::string host;            // of the root
    std::uint16_t port = 0;
    std::string launch;          // id of the launch that this part belongs to
    std::uint32_t parts = 1;     // of that launch
    std::uint16_t meeting = 0;   // of a restart: the port at which the part's connections to others are made anew
  };
  // `starter` hears when all parts of a restart run, or why they do not.
  RemoteRoot(const Settings& settings, Starter& starter) : settings_(settings), starter_(starter), node_(loop_, *this) {}
  // Makes the run directory, listens, and connects to the root.
  Status open();
  // Until no process is left on this node. Returns the exit status.
  int run();

  void reported(const Report& report) override;
  void requested(Connection& connection, const proto::Request& request) override;
  void gone(Connection&) override {}

 private:
  Status connect_to_root();
  void read_from_root();
  void handle(const Frame& frame);
  void say_hello();
  void lose_root(const std::string& why);

  Settings settings_;
  Starter& starter_;
  EventLoop loop_;
  Node node_;
  std::unique_ptr<Connection> root_;
  std::string challenge_;          // the root's, until it is answered
  std::string own_challenge_;
  bool admitted_ = false;
  bool ended_ = false;
  std::vector<Report> held_;       // reports from before the root admitted us
};

}  // namespace stasis::coordinator
