// What the coordinator does with Slurm when a job must make room.
//
// World: programs. As the job's user, through Slurm's own commands.
#pragma once
#include "core/base/result.hpp"

namespace stasis::coordinator {

enum class JobEnd {
  requeue_needed,  // the job runs: after the early warning it must be requeued by us, or it would count as completed
  on_its_way,      // Slurm has already decided (requeue, cancel, time limit): only the checkpoint was missing
};

// What Slurm says of the job of this coordinator (SLURM_JOB_ID).
Result<JobEnd> ask_slurm();
// `scontrol requeue`; waits for it, at most twenty seconds.
Status requeue_job();

}  // namespace stasis::coordinator
