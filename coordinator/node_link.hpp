// What the root says to a node coordinator and hears from it: orders and reports.
//
// The root's own node gets its orders by a call; the others over TCP (remote_node.hpp, remote_root.hpp). Neither the root's phases nor a
// node's work know the difference.
// World: programs.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/proto/drain_marker.hpp"
#include "core/proto/messages.hpp"
#include "core/store/manifest.hpp"

namespace stasis::coordinator {

using OrderKind = proto::NodeOrderKind;
using ReportKind = proto::NodeReportKind;

// Where a part of a restart makes its connections to other parts anew.
struct MeetingPlace {
  std::string part;
  std::string address;
  std::uint16_t port = 0;
};

struct Order {
  OrderKind kind{};
  std::uint64_t generation = 0;
  bool exit_after = false;
  int signal = 0;
  MeetingPlace place;  // meet
};

// A launcher that runs on behalf of a launch proxy, as a look at the processes shows it.
struct Launch {
  std::string id;
  std::int32_t proxy = 0;
  std::string undrained;  // why what it relays cannot be drained, empty if it can
  bool operator==(const Launch&) const = default;
};

struct Report {
  ReportKind kind{};
  std::uint64_t generation = 0;
  Error failure;                             // failed
  int signal = 0;                            // notice
  std::int32_t root = 0;                     // recorded
  std::uint64_t stopped_us = 0;              // recorded
  std::vector<store::ManifestImage> images;  // recorded
  std::vector<Launch> launches;              // looked, stopped
  unsigned streams = 0;                      // drained: as proto::NodeReport
};

// What tells the drain markers of one generation from those of another.
FixedString<proto::DrainMarker::kNonceDigits> drain_nonce(std::uint64_t generation);

// A part that belongs to a launch is called LAUNCH.TASK; 0 for others.
std::uint32_t task_of(std::string_view part);

// The root's end of the way to one node coordinator.
class NodeLink {
 public:
  virtual ~NodeLink() = default;
  // Never blocks for the node's work. What cannot be sent shows as the loss of the link.
  virtual void order(const Order& order) = 0;
  // What the manifest says of the node's part; its first process is only known when it has recorded.
  virtual store::ManifestPart shape() const = 0;
  // For people: "node n2" or "node n2, part 5f3a9c01.0".
  virtual std::string name() const = 0;
};

}  // namespace stasis::coordinator
