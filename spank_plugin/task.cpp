// Deciding, in each task of a job that asked for checkpoints, what it becomes.
//
//   the batch script, nothing saved yet   starts the job's coordinator, then runs under the library
//   the batch script, something saved     becomes `stasis restart`; if that is impossible it fails, it does not begin again from the
//                                         start: what the job had written would be overwritten by a run that nobody asked for
//   a task of a step that a launch proxy  becomes the first process of a part of the job's computation, or, when the proxy launches anew after a
//   of a checkpointed job has launched    restart, `stasis restart --part`; one task a node, else the step runs without checkpoints
//   another step of a checkpointed job    runs as without us, and while it runs a checkpoint of the job is abandoned with a message
//   a step of one task outside of such    as the batch script: the step is a computation
//   a step of more tasks                  runs without checkpoints, after one line that says so
//
// A start that fails leaves the job as it would be without us, after one line that says so.
// World: SPANK, in slurmstepd's child, as the user.
#include "spank_plugin/task.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/duration.hpp"
#include "core/base/sentence.hpp"
#include "core/environment.hpp"
#include "core/preload.hpp"
#include "spank_plugin/job_coordinator.hpp"
#include "spank_plugin/task_environment.hpp"

namespace stasis::spank {
namespace {

// One line where the job's own messages go.
void tell(const std::string& line) {
  const std::string text = "stasis: " + line + "\n";
  static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
}

// The identities of descriptors 0 to 2 as core/environment.hpp (kStdio) wants them.
std::string stdio_identities() {
  FixedString<256> text;
  for (int fd = 0; fd != 3; ++fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) status = {};
    if (fd != 0) text.append(",");
    text.append_number(status.st_dev, 16).append(":").append_number(status.st_ino, 16);
  }
  return text.c_str();
}

// Our own programs get the job's environment, but are no members of a computation.
std::vector<std::string> environment_of_our_programs(spank_t spank) {
  std::vector<std::string> environment;
  bool has_path = false;
  for (const std::string& entry : task_environment(spank)) {
    const std::string name = entry.substr(0, entry.find('='));
    has_path = has_path || name == "PATH";
    if (name == environment::kPreload || name == environment::kComputation || name == environment::kRunDirectory ||
        name == environment::kStdio || name == environment::kBatch) {
      continue;
    }
    environment.push_back(entry);
  }
  if (!has_path) environment.emplace_back("PATH=/usr/local/bin:/usr/bin:/bin");
  environment.emplace_back(std::string(environment::kBatch) + "=slurm");
  return environment;
}

[[noreturn]] void become_restart(spank_t spank, const Installation& installation, const std::string& store, const std::vector<std::string>& options) {
  std::vector<std::string> arguments = {installation.program, "restart", store};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const std::vector<std::string> environment = environment_of_our_programs(spank);
  std::vector<char*> argument_list;
  std::vector<char*> environment_list;
  for (const std::string& text : arguments) argument_list.push_back(const_cast<char*>(text.c_str()));
  for (const std::string& text : environment) environment_list.push_back(const_cast<char*>(text.c_str()));
  argument_list.push_back(nullptr);
  environment_list.push_back(nullptr);
  ::execve(argument_list[0], argument_list.data(), environment_list.data());
  tell("cannot restart the job from " + store + ": " + installation.program + ": " + std::strerror(errno));
  ::_exit(describe(ErrorCode::restore_failed).exit_status);
}

// What the job asked for, as options of stasis-coordinator and of stasis restart.
std::vector<std::string> schedule_options(const Wish& wish) {
  std::vector<std::string> options;
  if (wish.interval_seconds != 0) options.insert(options.end(), {"--interval", std::string(format_duration(wish.interval_seconds).view())});
  if (wish.keep != 0) options.insert(options.end(), {"--keep", std::to_string(wish.keep)});
  return options;
}

// The task's program becomes the first process of a computation, or of a part of one.
Status join_computation(spank_t spank, const Installation& installation, const Lead& lead) {
  STASIS_TRY_VALUE(const JobCoordinator coordinator, start_coordinator(installation, lead, environment_of_our_programs(spank)));
  STASIS_TRY(register_root(coordinator));
  set_job_variable(spank, environment::kComputation, coordinator.computation);
  set_job_variable(spank, environment::kRunDirectory, coordinator.run_directory);
  set_job_variable(spank, environment::kStdio, stdio_identities());
  set_job_variable(spank, environment::kBatch, "slurm");
  const std::string users = job_variable_value(spank, environment::kPreload).value_or("");
  set_job_variable(spank, environment::kPreload, with_library(installation.library, users));
  return {};
}

void start_or_restart(spank_t spank, const Session& session, const Wish& wish) {
  const std::string store = expand_store_directory(wish.directory, store_names(spank));
  const bool saved = has_generation(store);
  const auto installation = find_installation();
  if (!installation) {
    tell((saved ? "cannot restart the job from " + store : std::string("the job runs without checkpoints")) + ": " +
         sentence(installation.error()));
    if (saved) ::_exit(describe(ErrorCode::restore_failed).exit_status);
    return;
  }
  std::vector<std::string> options = schedule_options(wish);
  if (saved) become_restart(spank, *installation, store, options);
  options.insert(options.end(), {"--batch", "slurm"});
  if (const Status joined = join_computation(spank, *installation, {store, "", options, session.coordinators}); !joined) {
    tell("the job runs without checkpoints: " + sentence(joined.error()));
  }
}

void leave_computation(spank_t spank) {
  for (const char* name : {environment::kComputation, environment::kRunDirectory, environment::kStdio, environment::kBatch}) {
    unset_job_variable(spank, name);
  }
  const auto preload = job_variable_value(spank, environment::kPreload);
  if (!preload) return;
  const std::string rest = without_library(*preload);
  if (rest.empty()) unset_job_variable(spank, environment::kPreload);
  else if (rest != *preload) set_job_variable(spank, environment::kPreload, rest);
}

std::uint32_t number_of(spank_t spank, spank_item_t item) {
  std::uint32_t number = 0;
  return spank_get_item(spank, item, &number) == ESPANK_SUCCESS ? number : 0;
}

// A task that a launch proxy of a checkpointed job has launched. The store is the job's own.
void join_launch(spank_t spank, const Session& session, const std::string& launch) {
  const auto store = job_variable_value(spank, environment::kLaunchStore);
  const bool again = job_variable_value(spank, environment::kLaunchAgain).has_value();
  for (const char* name : {environment::kLaunch, environment::kLaunchAgain, environment::kLaunchUndrained, environment::kLaunchStore}) unset_job_variable(spank, name);
  const auto installation = find_installation();
  const std::string part = launch + "." + std::to_string(number_of(spank, S_JOB_NODEID));
  if (again) {
    if (installation && store) become_restart(spank, *installation, *store, {"--part", part});
    tell("cannot restart a step of the job: " + (installation ? std::string("its store is not known") : sentence(installation.error())));
    ::_exit(describe(ErrorCode::restore_failed).exit_status);
  }
  if (number_of(spank, S_JOB_LOCAL_TASK_COUNT) != 1) {
    if (number_of(spank, S_TASK_ID) == 0) tell("the step runs without checkpoints: only one task a node can have them; while it runs none of the job is taken");
    return;
  }
  const Status joined = !installation ? Status(installation.error())
                        : !store      ? Status(error(ErrorCode::no_store))
                                      : join_computation(spank, *installation, {*store, part, {"--launch", launch, "--parts", std::to_string(number_of(spank, S_JOB_NNODES))}, session.coordinators});
  if (!joined) tell("the step runs without checkpoints: " + sentence(joined.error()));
}

bool is_single_task(spank_t spank) {
  std::uint32_t tasks = 0;
  return spank_get_item(spank, S_JOB_TOTAL_TASK_COUNT, &tasks) == ESPANK_SUCCESS && tasks == 1;
}

bool is_first_task(spank_t spank) {
  std::uint32_t rank = 0;
  return spank_get_item(spank, S_TASK_GLOBAL_ID, &rank) == ESPANK_SUCCESS && rank == 0;
}

}  // namespace

void prepare_task(spank_t spank, const Session& session) {
  std::uint32_t step = 0;
  if (spank_get_item(spank, S_JOB_STEPID, &step) != ESPANK_SUCCESS) return;
  if (step >= SLURM_MAX_NORMAL_STEP_ID && step != SLURM_BATCH_SCRIPT) return;  // the extern step, the shell of salloc
  if (const auto launch = job_variable_value(spank, environment::kLaunch); launch && step != SLURM_BATCH_SCRIPT) return join_launch(spank, session, *launch);
  const auto wish = read_wish(spank);
  const bool inside = step != SLURM_BATCH_SCRIPT && job_variable_value(spank, environment::kComputation).has_value();
  if (inside) return leave_computation(spank);
  if (!wish) return tell("the job runs without checkpoints: " + sentence(wish.error()));
  if (!(*wish).has_value()) return;
  if (step != SLURM_BATCH_SCRIPT && !is_single_task(spank)) {
    if (is_first_task(spank)) tell("the step runs without checkpoints: only steps of one task can have them");
    return;
  }
  start_or_restart(spank, session, **wish);
}

}  // namespace stasis::spank
