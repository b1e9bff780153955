// What the plugin does where a job is submitted: in srun, sbatch and salloc, as the user.
//
// World: SPANK.
#pragma once
#include "spank_plugin/session.hpp"

namespace stasis::spank {

// slurm_spank_init of sbatch: if this submission asks for checkpoints, sets defaults of sbatch's own options (--signal,
// --requeue, --open-mode) by their environment variables; sbatch reads those after this call, and the user's own options win.
void set_submission_defaults(const Session& session);

// slurm_spank_init_post_opt of sbatch and salloc: hands the options to the node, or takes away what a surrounding job left in the
// environment, so that a job submitted from inside a checkpointed one starts clean.
void publish_options(const Session& session);

// The same for srun: a step inherits what its job asked for, so nothing is taken away.
void publish_step_options(const Session& session);

}  // namespace stasis::spank
