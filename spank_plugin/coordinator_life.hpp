// How slurmstepd knows that the coordinator which a task has started is gone.
//
// When a step's tasks have ended slurmstepd looks whether any process of the step is left, and if one is, again after a second (proctrack_g_wait; measured with
// Slurm 22.05). The coordinator needs some milliseconds to see the end, so that every step would last a second longer. So slurmstepd is held back until
// the coordinator has ended: that sends it a descriptor of itself, for a number alone could be somebody else's by then.
// World: SPANK.
#pragma once

namespace stasis::spank {

class CoordinatorLife {
 public:
  CoordinatorLife() = default;
  CoordinatorLife(const CoordinatorLife&) = delete;
  CoordinatorLife& operator=(const CoordinatorLife&) = delete;
  ~CoordinatorLife();

  // In slurmstepd, before it forks tasks. If it cannot be opened nobody is waited for.
  void open();
  // In the process that is about to become the coordinator.
  void announce_self() const;
  // In slurmstepd, when a task has ended: until all coordinators that were announced have, a second at most for each.
  void wait_for_end() const;

 private:
  int receiving_ = -1, sending_ = -1;  // a socket pair, closed by every exec
};

}  // namespace stasis::spank
