// The end of a computation, by command or after its last checkpoint.
//
// The other nodes end first: what launched their processes on the root's node is there until then to take what they still say, and answers
// whoever waits for it. In a Slurm job that got only the early warning the requeue must be asked for before, while the batch step lives: a job
// that just ended would count as completed. If Slurm refuses, the program runs on: at the end of the grace time Slurm requeues the job itself,
// and it goes on from this checkpoint.
// World: programs.
#include "coordinator/batch_slurm.hpp"
#include "coordinator/log.hpp"
#include "coordinator/root.hpp"
#include "core/base/sentence.hpp"

namespace stasis::coordinator {
namespace {
constexpr std::chrono::seconds kEndLimit{20};  // for a node to say that its processes are gone; a lost one counts as such
}

void Root::end_after_checkpoint() {
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
  begin_ending();
}

void Root::begin_ending() {
  Order end;
  end.kind = OrderKind::end;
  if (!ending_) ending_ = Ending{{others_.begin(), others_.end()}, Clock::now() + kEndLimit};
  for (NodeLink* node : ending_->waited_for) node->order(end);
}

void Root::check_ending() {
  if (!ending_ || ended_ || (!ending_->waited_for.empty() && Clock::now() < ending_->limit)) return;
  for (const NodeLink* node : ending_->waited_for) log_line(node->name() + " has not said that its processes are gone");
  Order end;
  end.kind = OrderKind::end;
  own_.order(end);
  store_.retract();
  ended_ = true;
  answer({}, last_answer_, last_json_);
}

}  // namespace stasis::coordinator
