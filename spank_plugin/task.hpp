// What the plugin does on the node, in a task that is about to become the batch script or a program of the user.
//
// World: SPANK, in slurmstepd's child, already the user in every respect.
#pragma once
#include "spank_plugin/session.hpp"

namespace stasis::spank {

// slurm_spank_task_init. Returns when the task shall go on as Slurm meant it. Where the job's store holds a committed generation it
// does not return: the task becomes `stasis restart`, or ends with a message and status 10 if it cannot.
void prepare_task(spank_t spank, const Session& session);

}  // namespace stasis::spank
