// Submitting: the options become variables of the job, and a batch job gets the early warning, the requeue and the appended output
// that it needs to be checkpointed when it must make room.
//
// The idea of the early warning: Slurm sends SIGURG to the batch shell `grace` seconds before the job must be gone, also at
// preemption if SlurmctldParameters has preempt_send_user_signal. SIGURG is ignored by default, so that it does no harm where the
// preloaded library is not there. These defaults must be set before sbatch reads its options, when the plugin does not yet know
// whether the job asks for checkpoints; so it looks at the command line and at the #SBATCH lines of the script itself.
// World: SPANK, in the process of the user's command.
#include "spank_plugin/submit.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/duration.hpp"
#include "core/environment.hpp"
#include "core/preload.hpp"

namespace stasis::spank {
namespace {

constexpr std::string_view kOptionStart = "--checkpoint-";
constexpr std::size_t kScriptLimit = 64 * 1024;  // #SBATCH lines stand at the top; sbatch itself stops at the first command

// How Slurm itself hands an option of ours on to the commands of a job (spank(8)); it sets them anew after init_post_opt.
constexpr const char* kSlurmInterval = "SLURM_SPANK__SLURM_SPANK_OPTION_stasis_checkpoint_interval";
constexpr const char* kSlurmDirectory = "SLURM_SPANK__SLURM_SPANK_OPTION_stasis_checkpoint_dir";
constexpr const char* kSlurmKeep = "SLURM_SPANK__SLURM_SPANK_OPTION_stasis_checkpoint_keep";

// At most `limit` bytes of an open file from `offset` on, without moving its position; empty if it cannot be read so.
std::string read_at(int fd, off_t offset, std::size_t limit) {
  std::string text(limit, '\0');
  std::size_t size = 0;
  while (size != limit) {
    const ssize_t got = ::pread(fd, text.data() + size, limit - size, offset + static_cast<off_t>(size));
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

// Only regular files are looked into: opening a fifo or a device could block or change it.
bool script_asks(int fd, off_t offset) {
  struct stat status;
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return false;
  const std::string text = read_at(fd, offset, kScriptLimit);
  if (!text.starts_with("#!")) return false;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view line = std::string_view(text).substr(start, end - start);
    if (line.starts_with("#SBATCH") && line.find(kOptionStart) != std::string_view::npos) return true;
    start = end + 1;
  }
  return false;
}

bool file_asks(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return false;
  const bool asks = script_asks(fd, 0);
  ::close(fd);
  return asks;
}

// This process's own arguments: SPANK does not hand them out.
std::vector<std::string> command_line() {
  std::vector<std::string> arguments;
  const int fd = ::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return arguments;
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = ::read(fd, buffer, sizeof buffer)) > 0;) text.append(buffer, static_cast<std::size_t>(got));
  ::close(fd);
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\0', start), text.size());
    arguments.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return arguments;
}

bool submission_asks() {
  const std::vector<std::string> arguments = command_line();
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (arguments[i].starts_with(kOptionStart)) return true;
    if (!arguments[i].starts_with("-") && file_asks(arguments[i].c_str())) return true;
  }
  const off_t offset = ::lseek(STDIN_FILENO, 0, SEEK_CUR);  // sbatch <script
  return offset >= 0 && script_asks(STDIN_FILENO, offset);
}

// A directory that the surrounding job has already chosen stays for its steps.
void set_job_variables(const Options& options) {
  const std::uint64_t interval = options.interval_seconds.value_or(0);
  ::setenv(job_variable::kInterval, format_duration(interval).c_str(), 1);
  if (options.keep) ::setenv(job_variable::kKeep, std::to_string(*options.keep).c_str(), 1);
  char base[4096];
  if (options.directory) {
    ::setenv(job_variable::kDirectory, options.directory->c_str(), 1);
  } else if (::getcwd(base, sizeof base) != nullptr) {
    ::setenv(job_variable::kDirectory, (std::string(base) + "/stasis-%j").c_str(), 0);
  }
}

// A computation that surrounds the command (a checkpointed job, or stasis launch) is not the submitted job's.
void clean_environment() {
  for (const char* name : {job_variable::kInterval, job_variable::kDirectory, job_variable::kKeep, environment::kComputation,
                           environment::kRunDirectory, environment::kStdio, environment::kBatch, kSlurmInterval, kSlurmDirectory, kSlurmKeep}) {
    ::unsetenv(name);
  }
  if (const char* preload = std::getenv(environment::kPreload); preload != nullptr) {
    const std::string rest = without_library(preload);
    if (rest.empty()) ::unsetenv(environment::kPreload);
    else if (rest != preload) ::setenv(environment::kPreload, rest.c_str(), 1);
  }
}

}  // namespace

void set_submission_defaults(const Session& session) {
  if (!submission_asks()) return;
  const std::string warning = "B:URG@" + std::to_string(session.site.grace_seconds);
  ::setenv("SBATCH_SIGNAL", warning.c_str(), 0);
  ::setenv("SBATCH_REQUEUE", "1", 0);
  ::setenv("SBATCH_OPEN_MODE", "append", 0);
}

void publish_options(const Session& session) {
  clean_environment();
  if (session.options.asked()) set_job_variables(session.options);
}

void publish_step_options(const Session& session) {
  if (session.options.asked()) set_job_variables(session.options);
}

}  // namespace stasis::spank
