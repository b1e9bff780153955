// What the plugin remembers between two callbacks of one process, and the option that a submission may carry.
//
// The three options mean the same everywhere: the user's words are checked where they are given (srun, sbatch, salloc), and travel
// to the node as variables of the job's environment, SLURM_STASIS_*. Why not only as SPANK options: Slurm 22.05 loses those on the
// way to the node when --export is not ALL, while variables that begin with SLURM_ are always exported (sbatch(1), --export).
// The node checks them again. World: SPANK.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/result.hpp"
#include "spank_plugin/coordinator_life.hpp"
#include "spank_plugin/spank.hpp"

namespace stasis::spank {

namespace job_variable {
inline constexpr const char* kInterval = "SLURM_STASIS_INTERVAL";    // normalised time, "0s" for no periodic checkpoints
inline constexpr const char* kDirectory = "SLURM_STASIS_DIRECTORY";  // absolute, still with its % patterns
inline constexpr const char* kKeep = "SLURM_STASIS_KEEP";            // decimal
}  // namespace job_variable

// Arguments of the plugin's line in plugstack.conf, key=value.
struct Site {
  std::uint32_t grace_seconds = 60;  // grace=: how long before a job must be gone its batch shell is told, see submit.cpp
};

// The options as they were given, checked; absent ones were not given.
struct Options {
  std::optional<std::uint64_t> interval_seconds;
  std::optional<std::string> directory;
  std::optional<std::uint32_t> keep;
  bool asked() const { return interval_seconds || directory || keep; }
};

// What the node does for a job that asked for checkpoints.
struct Wish {
  std::uint64_t interval_seconds = 0;  // 0: checkpoints only when the batch system or the user wants one
  std::string directory;               // absolute, with patterns
  std::uint32_t keep = 0;              // 0: the coordinator's own default
};

// Made in slurm_spank_init, destroyed in slurm_spank_exit; there is no other state.
struct Session {
  Site site;
  Options options;
  CoordinatorLife coordinators;  // slurmstepd
};

}  // namespace stasis::spank
