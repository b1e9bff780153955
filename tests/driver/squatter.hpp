// Takes the process ids that a killed program had, so that a restart cannot get them from the machine's own namespace.
//
// Choosing an id needs privilege, which the driver gives up: a child keeps it, and waits to be told the ids.
// World: programs.
#pragma once
#include <sys/types.h>

namespace stasis::tests {

class Squatter {
 public:
  // Call before root is given up. Without root nothing is taken.
  Squatter();
  // Ends the child and all that it started.
  ~Squatter();
  Squatter(const Squatter&) = delete;
  Squatter& operator=(const Squatter&) = delete;

  // Puts a process at `wanted`, which must be free, and returns when it is there. Throws Failure if that fails; false without root.
  bool take(pid_t wanted);
  // Gives back what was taken. Later calls of take() return false.
  void leave();

  // The child's id; -1 without root.
  pid_t pid() const { return child_; }

 private:
  pid_t child_ = -1;
  int channel_ = -1;
};

}  // namespace stasis::tests
