// The tasks' input, where it comes through a pipe or a socket: from our descriptor 0 to a pipe that srun reads.
//
// It is read only when srun has taken what it was given before. So at each moment a byte is in exactly one of three places: in the job's pipe, in
// our memory (both are in a checkpoint's images), or given to srun. What was given and has not reached a task is srun's alone; a checkpoint is
// exact if nothing is under way there, see docs/LIMITS.md.
// World: programs.
#pragma once
#include <poll.h>

#include <string>

namespace stasis::launch_proxy {

class InputRelay {
 public:
  // From now on to `target`, the writing end of srun's pipe, which is the relay's and does not block.
  void take_target(int target);
  // What to wait for on our side and on srun's; a descriptor is negative if there is nothing.
  void wanted(pollfd& source, pollfd& target) const;
  // True if srun reads no more; then what is left stays for the next one.
  bool advance(const pollfd& source, const pollfd& target);
  void close_target();

 private:
  int target_ = -1;
  bool room_ = false;    // srun has taken what it was given
  bool ended_ = false;   // our input
  std::string pending_;  // read, not given
};

}  // namespace stasis::launch_proxy
