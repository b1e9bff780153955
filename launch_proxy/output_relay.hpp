// One stream of output: from a pipe that srun writes, through the drain filter, to our own descriptor.
//
// Nothing is read before what was read is written, so that a reader who does not read stops srun, and an end of the proxy's life loses nothing
// that a restart would not bring back: what was read is in our memory, what was not is in the pipe. A marker is told when all before it
// is written. A reader who is gone is passed on by closing the pipe; after any other failure of writing the rest is dropped, as srun does it.
// World: programs.
#pragma once
#include <poll.h>

#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "launch_proxy/drain_filter.hpp"

namespace stasis::launch_proxy {

class OutputRelay {
 public:
  using Drained = std::function<void(const proto::DrainMarker&)>;
  OutputRelay(int target, std::string_view launch, bool labelled, Drained drained);

  // From now on what comes from `source`, which is the relay's and does not block.
  void take_source(int source);
  // What to wait for; its descriptor is negative if there is nothing.
  pollfd wanted() const;
  // Reads and writes what is possible at once. True if the source has come to its end.
  bool advance();
  // srun has ended: only what it has left in the pipe is still read. Others who hold the pipe (its own children) are not waited for.
  void end_source();
  // Nothing comes any more: what the filter holds back is text.
  void finish();
  // Nothing is left to be read or written.
  bool is_idle() const { return source_ < 0 && pending_.empty(); }

 private:
  struct Mark {
    std::size_t at;  // in pending_
    proto::DrainMarker marker;
  };
  void write_pending();
  void tell_marks();
  bool read_source(bool& ended);
  void close_source();

  int target_;
  int source_ = -1;
  std::optional<std::size_t> left_;  // to be read from the source, if its end is known
  bool dropping_ = false;
  Drained drained_;
  std::string pending_;  // read and filtered, not written
  std::deque<Mark> marks_;
  DrainFilter filter_;
};

}  // namespace stasis::launch_proxy
