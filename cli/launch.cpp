// See launch.hpp.
// World: programs.
#include "cli/launch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "cli/control_client.hpp"
#include "core/base/sentence.hpp"
#include "core/environment.hpp"
#include "core/program_file.hpp"

namespace stasis::cli {
namespace {

constexpr int kReadyMs = 20'000;
constexpr int kReadyFd = 3;

Result<std::string> installation() {
  char self[PATH_MAX] = {};
  if (::readlink("/proc/self/exe", self, sizeof self - 1) < 0) return system_error("read /proc/self/exe", -errno);
  return std::filesystem::path(self).parent_path().parent_path().string();
}

[[noreturn]] void become_coordinator(std::vector<std::string> words, int ready) {
  ::setsid();
  const int null = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd != 3; ++fd) ::dup2(null, fd);
  const int kept = ::fcntl(ready, F_DUPFD, kReadyFd + 1);
  ::dup2(kept, kReadyFd);
  ::close_range(kReadyFd + 1, ~0u, 0);
  for (const char* name : {environment::kPreload, environment::kComputation, environment::kRunDirectory, environment::kStdio}) ::unsetenv(name);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(arguments.front(), arguments.data());
  const std::string reason = "error: cannot run " + words.front() + ": " + std::strerror(errno) + "\n";
  [[maybe_unused]] const ssize_t told = ::write(kReadyFd, reason.data(), reason.size());
  ::_exit(127);
}

Result<std::string> first_line(int fd) {
  std::string line;
  while (line.find('\n') == std::string::npos) {
    pollfd waiting{fd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, kReadyMs);
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) return error(ErrorCode::hung, "the coordinator did not start in time");
    char bytes[512];
    const ssize_t got = ::read(fd, bytes, sizeof bytes);
    if (got <= 0) break;
    line.append(bytes, static_cast<std::size_t>(got));
  }
  return line.substr(0, line.find('\n'));
}

// The coordinator's line begins with the text of an error of the catalogue.
Error coordinators_error(const std::string& line) {
  for (int number = 100; number != 200; ++number) {
    const auto code = static_cast<ErrorCode>(number);
    const std::string text(describe(code).text);
    if (line == text) return error(code);
    if (line.starts_with(text + ": ")) return error(code, line.substr(text.size() + 2));
  }
  return error(ErrorCode::no_coordinator, line);
}

// As a grandchild: the program must not find a child that it did not start. Its standard streams are /dev/null.
Result<std::string> start_coordinator(const std::string& prefix, const LaunchOptions& options) {
  std::string command;
  for (const std::string& word : options.command) command += (command.empty() ? "" : " ") + word;
  std::vector<std::string> words{prefix + "/bin/stasis-coordinator", "--store", options.store, "--ready-fd", std::to_string(kReadyFd), "--command", command};
  if (!options.interval.empty()) words.insert(words.end(), {"--interval", options.interval});
  if (!options.keep.empty()) words.insert(words.end(), {"--keep", options.keep});
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("pipe", -errno);
  const pid_t child = ::fork();
  if (child < 0) return system_error("fork", -errno);
  if (child == 0) {
    if (::fork() == 0) become_coordinator(words, ends[1]);
    ::_exit(0);
  }
  ::close(ends[1]);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  Result<std::string> line = first_line(ends[0]);
  ::close(ends[0]);
  return line;
}

std::string stdio_identities() {
  std::string text;
  for (int fd = 0; fd != 3; ++fd) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) status = {};
    text += std::string(fd == 0 ? "" : ",") + FixedString<24>().append_number(status.st_dev, 16).c_str() + ":" + FixedString<24>().append_number(status.st_ino, 16).c_str();
  }
  return text;
}

void set_environment(const CoordinatorAddress& coordinator, const std::string& library) {
  ::setenv(environment::kComputation, coordinator.computation.c_str(), 1);
  ::setenv(environment::kRunDirectory, coordinator.run_directory().c_str(), 1);
  ::setenv(environment::kStdio, stdio_identities().c_str(), 1);
  ::unsetenv(environment::kBatch);
  const char* others = std::getenv(environment::kPreload);
  ::setenv(environment::kPreload, others == nullptr || *others == '\0' ? library.c_str() : (library + ":" + others).c_str(), 1);
}

Status try_launch(const LaunchOptions& options) {
  STASIS_TRY_VALUE(const std::string program, find_program(options.command.front()));
  STASIS_TRY(check_program(program));
  STASIS_TRY_VALUE(const std::string prefix, installation());
  const std::string library = prefix + "/lib/stasis/libstasis.so";
  if (::access(library.c_str(), R_OK) != 0) return system_error(library, -errno);
  STASIS_TRY_VALUE(const std::string line, start_coordinator(prefix, options));
  if (line.starts_with("error: ")) return coordinators_error(line.substr(7));
  if (line != "ready") return error(ErrorCode::no_coordinator, "it ended at once");
  STASIS_TRY_VALUE(const CoordinatorAddress coordinator, find_coordinator(options.store));
  proto::Request request;
  request.verb = proto::Verb::register_root;
  request.pid = ::getpid();
  STASIS_TRY_VALUE(const Answer registered, ask(coordinator, request));
  static_cast<void>(registered);
  set_environment(coordinator, library);
  std::vector<char*> arguments;
  for (const std::string& word : options.command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execvp(program.c_str(), arguments.data());  // the path is known; a script without "#!" is given to /bin/sh as shells do
  Error failure = error(ErrorCode::exec_failed, program);
  failure.sys_errno = errno;
  return failure;
}

}  // namespace

int launch(const LaunchOptions& options) {
  const Status status = try_launch(options);
  std::fprintf(stderr, "stasis launch: %s\n", sentence_with_remedy(status.error()).c_str());
  return describe(status.error().code).exit_status;
}

}  // namespace stasis::cli
