// See batch_slurm.hpp.
//
// Why the state is asked for: a job that was cancelled gets the same SIGTERM as one that is requeued, and `scontrol requeue` would
// bring it back to life. Only a job that still counts as RUNNING has got an early warning (measured with Slurm 22.05).
// World: programs.
#include "coordinator/batch_slurm.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

extern char** environ;

namespace stasis::coordinator {
namespace {

constexpr int kDeadlineMs = 20'000;

// Output of a command that ends with status 0; what it prints is small.
Result<FixedString<320>> run(std::vector<std::string> words, std::string& output) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("pipe", -errno);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  pid_t child = 0;
  const int problem = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (problem != 0) {
    ::close(ends[0]);
    return system_error("run " + words[0], -problem);
  }
  char buffer[4096];
  for (;;) {
    pollfd waiting{ends[0], POLLIN, 0};
    if (::poll(&waiting, 1, kDeadlineMs) <= 0) {
      ::kill(child, SIGKILL);
      break;
    }
    const ssize_t got = ::read(ends[0], buffer, sizeof buffer);
    if (got <= 0) break;
    output.append(buffer, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status == 0) return FixedString<320>();
  while (!output.empty() && output.back() == '\n') output.pop_back();
  return error(ErrorCode::system, words[0] + " " + words[1] + ": " + output);
}

}  // namespace

Result<JobEnd> ask_slurm() {
  const char* job = std::getenv("SLURM_JOB_ID");
  if (job == nullptr) return error(ErrorCode::defect, "SLURM_JOB_ID is not set");
  std::string output;
  STASIS_TRY(run({"scontrol", "-o", "show", "job", job}, output));
  return output.find(" JobState=RUNNING ") != std::string::npos ? JobEnd::requeue_needed : JobEnd::on_its_way;
}

Status requeue_job() {
  const char* job = std::getenv("SLURM_JOB_ID");
  if (job == nullptr) return error(ErrorCode::defect, "SLURM_JOB_ID is not set");
  std::string output;
  STASIS_TRY(run({"scontrol", "requeue", job}, output));
  return {};
}

}  // namespace stasis::coordinator
