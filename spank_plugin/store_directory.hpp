// Where a job's store is, and whether there is anything in it to go on from.
//
// World: SPANK. Pure but for the one look at the file system.
#pragma once
#include <string>
#include <string_view>

namespace stasis::spank {

// What the patterns of --checkpoint-dir stand for (a subset of sbatch's own for file names).
struct StoreNames {
  std::string job;          // %j
  std::string array_job;    // %A, the job's own id outside of an array
  std::string array_task;   // %a, empty outside of an array
  std::string user;         // %u
  std::string job_name;     // %x
  std::string node;         // %N, the short name of the first node
  std::string step;         // number of the step, empty for the batch script
};

// Fills in the patterns. What a name holds cannot climb: slashes in it become underscores. Tasks of an array and later steps that
// would share a store get one each: "-TASK" or ".STEP" is appended if the pattern does not tell them apart.
std::string expand_store_directory(std::string_view pattern, const StoreNames& names);

// Whether the store holds a committed generation: a manifest, which is only ever renamed into place.
bool has_generation(const std::string& store);

}  // namespace stasis::spank
