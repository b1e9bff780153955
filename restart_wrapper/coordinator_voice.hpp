// What the coordinator says to the first process, which has started it: the other end of its --ready-fd (coordinator/starter.hpp).
//
// World: programs, the first process of the new namespace.
#pragma once
#include <deque>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace stasis::restart {

// Where another part of the computation makes its connections anew.
struct Place {
  std::string part;
  std::string address;
  std::string port;
};

class CoordinatorVoice {
 public:
  CoordinatorVoice() = default;
  explicit CoordinatorVoice(int fd) : fd_(fd) {}
  // To be polled for POLLIN.
  int fd() const { return fd_; }
  // Waits until it says `wanted`. -1 ms: for ever. `control_fd`: the way to the outer process. Errors: restore_failed with the coordinator's reason, or because the outer
  // process is gone.
  Status wait_for(std::string_view wanted, int deadline_ms, int control_fd);
  // Takes what has come, after a poll has told that something has. `wanted` is what it will say in the end if all goes well. Errors: restore_failed.
  Status listen(std::string_view wanted);
  // The places that it has told of and nobody has taken.
  std::deque<Place>& places() { return places_; }

 private:
  int fd_ = -1;
  std::string said_;           // no whole line yet
  std::deque<Place> places_;
  std::deque<std::string> lines_;  // others
};

}  // namespace stasis::restart
