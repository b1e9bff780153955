// The end of a computation after its last checkpoint.
//
// In a Slurm job that got only the early warning the requeue must be asked for first, while the batch step lives: a job that just
// ended would count as completed. If Slurm refuses, the program runs on: at the end of the grace time Slurm requeues the job itself,
// and it goes on from this checkpoint.
// World: programs.
#include <csignal>

#include "coordinator/batch_slurm.hpp"
#include "coordinator/coordinator.hpp"
#include "coordinator/log.hpp"

namespace stasis::coordinator {

void Coordinator::end_after_checkpoint() {
  final_committed_ = true;
  if (settings_.slurm && notice_signal_ != 0) {
    const Result<JobEnd> end = ask_slurm();
    Status requeued;
    if (!end) requeued = end.error();
    else if (*end == JobEnd::requeue_needed) requeued = requeue_job();
    if (!requeued) {
      log_line("no requeue, the program runs on until Slurm ends it: " + sentence(requeued.error()));
      return current_->resume();
    }
    log_line(*end == JobEnd::requeue_needed ? "the job is requeued" : "Slurm has already decided what becomes of the job");
  }
  kill_all();
  store_.retract();
  ended_ = true;
}

}  // namespace stasis::coordinator
