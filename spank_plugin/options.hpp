// The options --checkpoint-interval, --checkpoint-dir and --checkpoint-keep, known to Slurm; what is given is checked
// (option_values.hpp) and kept in the session.
//
// World: SPANK.
#pragma once
#include "spank_plugin/session.hpp"

namespace stasis::spank {

// Makes Slurm know the options. To be called in slurm_spank_init, in every context where they are used (spank(8)).
// `session` must live until the callbacks of the options have been called.
void register_options(spank_t spank, Session& session);

}  // namespace stasis::spank
