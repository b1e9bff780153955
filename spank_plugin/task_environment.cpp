// Reading and changing what a task will see.
//
// World: SPANK, in slurmstepd's child.
#include "spank_plugin/task_environment.hpp"

#include <pwd.h>
#include <unistd.h>

#include "spank_plugin/option_values.hpp"

namespace stasis::spank {
namespace {

std::string value_or(spank_t spank, const char* name, std::string otherwise) {
  return job_variable_value(spank, name).value_or(std::move(otherwise));
}

}  // namespace

std::optional<std::string> job_variable_value(spank_t spank, const char* name) {
  std::string value(256, '\0');
  for (;;) {
    const spank_err_t problem = spank_getenv(spank, name, value.data(), static_cast<int>(value.size()));
    if (problem == ESPANK_SUCCESS) {
      value.resize(value.find('\0') == std::string::npos ? value.size() : value.find('\0'));
      return value;
    }
    if (problem != ESPANK_NOSPACE || value.size() > (1u << 21)) return std::nullopt;
    value.assign(value.size() * 4, '\0');
  }
}

void set_job_variable(spank_t spank, const char* name, const std::string& value) {
  if (const spank_err_t problem = spank_setenv(spank, name, value.c_str(), 1); problem != ESPANK_SUCCESS) {
    slurm_error("stasis: cannot set %s: %s", name, spank_strerror(problem));
  }
}

void unset_job_variable(spank_t spank, const char* name) { spank_unsetenv(spank, name); }

std::vector<std::string> task_environment(spank_t spank) {
  char** environment = nullptr;
  std::vector<std::string> copy;
  if (spank_get_item(spank, S_JOB_ENV, &environment) != ESPANK_SUCCESS || environment == nullptr) return copy;
  for (char** entry = environment; *entry != nullptr; ++entry) copy.emplace_back(*entry);
  return copy;
}

Result<std::optional<Wish>> read_wish(spank_t spank) {
  const auto interval = job_variable_value(spank, job_variable::kInterval);
  const auto directory = job_variable_value(spank, job_variable::kDirectory);
  const auto keep = job_variable_value(spank, job_variable::kKeep);
  if (!interval || !directory) return std::optional<Wish>();
  Wish wish;
  const auto seconds = parse_interval(*interval);
  if (!seconds) return seconds.error().with(job_variable::kInterval);
  wish.interval_seconds = *seconds;
  if (keep) {
    const auto number = parse_keep(*keep);
    if (!number) return number.error().with(job_variable::kKeep);
    wish.keep = *number;
  }
  const auto absolute = parse_directory(*directory, "");
  if (!absolute) return absolute.error().with(job_variable::kDirectory);
  wish.directory = (*absolute).c_str();
  return std::optional<Wish>(std::move(wish));
}

StoreNames store_names(spank_t spank) {
  StoreNames names;
  std::uint32_t number = 0;
  if (spank_get_item(spank, S_JOB_ID, &number) == ESPANK_SUCCESS) names.job = std::to_string(number);
  if (spank_get_item(spank, S_JOB_STEPID, &number) == ESPANK_SUCCESS && number < SLURM_MAX_NORMAL_STEP_ID) {
    names.step = std::to_string(number);
  }
  names.array_job = value_or(spank, "SLURM_ARRAY_JOB_ID", names.job);
  names.array_task = value_or(spank, "SLURM_ARRAY_TASK_ID", "");
  names.job_name = value_or(spank, "SLURM_JOB_NAME", "job");
  names.node = value_or(spank, "SLURMD_NODENAME", "node");
  passwd entry{};
  passwd* found = nullptr;
  char buffer[4096];
  if (::getpwuid_r(::getuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr) names.user = found->pw_name;
  else names.user = std::to_string(::getuid());
  return names;
}

}  // namespace stasis::spank
