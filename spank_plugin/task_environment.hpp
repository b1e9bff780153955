// The environment and the facts of one task, as slurmstepd holds them.
//
// World: SPANK, in slurmstepd's child.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "spank_plugin/session.hpp"
#include "spank_plugin/store_directory.hpp"

namespace stasis::spank {

std::optional<std::string> job_variable_value(spank_t spank, const char* name);
void set_job_variable(spank_t spank, const char* name, const std::string& value);
void unset_job_variable(spank_t spank, const char* name);

// The whole environment that the task's program will get, as NAME=value.
std::vector<std::string> task_environment(spank_t spank);

// What the job asked for; nullopt if it did not ask, an error if its variables are damaged.
Result<std::optional<Wish>> read_wish(spank_t spank);

// What the patterns of a store's directory stand for.
StoreNames store_names(spank_t spank);

}  // namespace stasis::spank
