// The coordinator's start from the step that it leads.
//
// Why from task_init: a process made there belongs to the user and to the step's cgroup, gets no signal of Slurm's,
// and lives until the step ends, a batch step also through the time that a preempted job has left (measured with Slurm 22.05; from any
// other callback it would outlive the job or die of its first signal).
// World: SPANK, in slurmstepd's child.
#include "spank_plugin/job_coordinator.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "core/base/duration.hpp"
#include "core/codec/codec.hpp"
#include "core/proto/framed.hpp"
#include "core/proto/messages.hpp"
#include "core/run_directory.hpp"

namespace stasis::spank {
namespace {

constexpr std::chrono::seconds kReadyDeadline{10};
constexpr int kReadyFd = 3;
constexpr int kTaskStreams = 4;  // and 5, see stasis-coordinator(8), --streams

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(); }
  void reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
  return list;
}

// In the grandchild: nothing of slurmstepd's stays open, and messages go where the job's own go.
[[noreturn]] void become_coordinator(int ready, const Lead& lead, const std::vector<char*>& arguments, const std::vector<char*>& environment) {
  const bool streams = !lead.part.empty();
  lead.life.announce_self();
  ::setsid();
  const int first = ::fcntl(ready, F_DUPFD, kTaskStreams + 2);  // out of the way of the numbers that are promised
  if (streams) {
    ::dup2(STDOUT_FILENO, kTaskStreams);
    ::dup2(STDERR_FILENO, kTaskStreams + 1);
  }
  const int null = ::open("/dev/null", O_RDWR);
  if (null >= 0) {
    ::dup2(null, STDIN_FILENO);
    ::dup2(null, STDOUT_FILENO);
  }
  ::dup2(first, kReadyFd);
  ::close_range(streams ? kTaskStreams + 2 : kReadyFd + 1, ~0u, 0);
  if (::chdir("/") != 0) ::_exit(127);
  ::execve(arguments[0], arguments.data(), environment.data());
  const std::string problem = std::string("error: cannot run ") + arguments[0] + ": " + std::strerror(errno) + "\n";
  static_cast<void>(!::write(kReadyFd, problem.data(), problem.size()));
  ::_exit(127);
}

// The first line from the pipe, without its end; what came so far if the other side closed it; an error after the deadline.
Result<FixedString<320>> read_line(int fd) {
  const auto deadline = std::chrono::steady_clock::now() + kReadyDeadline;
  FixedString<320> line;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{fd, POLLIN, 0};
    const int ready = left.count() > 0 ? ::poll(&waiting, 1, static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return error(ErrorCode::hung, "the coordinator did not start within ten seconds");
    char piece[128];
    const ssize_t got = ::read(fd, piece, sizeof piece);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return line;
    const std::string_view text(piece, static_cast<std::size_t>(got));
    line.append(text.substr(0, text.find('\n')));
    if (text.find('\n') != std::string_view::npos) return line;
  }
}

// The root's is in the store. A part's run directory has the name that every node coordinator gives it (core/environment.hpp).
Result<JobCoordinator> read_address(const std::string& store, const std::string& part) {
  const std::string path = store + "/" + store_layout::kCoordinator;
  std::ifstream file(path);
  const nlohmann::json address = nlohmann::json::parse(file, nullptr, false);
  if (!address.is_object()) return error(ErrorCode::no_coordinator, path);
  JobCoordinator coordinator;
  coordinator.computation = address.value("computation", "");
  coordinator.key = address.value("key", "");
  coordinator.socket = address.value("socket", "");
  coordinator.run_directory = coordinator.socket.substr(0, coordinator.socket.rfind('/'));
  if (coordinator.computation.empty() || coordinator.run_directory.empty()) return error(ErrorCode::no_coordinator, path);
  if (part.empty()) return coordinator;
  coordinator.computation += "." + part;
  coordinator.run_directory = run_directory_of(coordinator.computation);
  coordinator.socket = coordinator_socket_of(coordinator.computation);
  return coordinator;
}

// Sends one message; a socket of ours takes it whole.
template <class Message>
Status send_message(int fd, const Message& message) {
  const std::string frame = proto::framed(message);
  if (::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(frame.size())) {
    return system_error("send to the coordinator", -errno);
  }
  return {};
}

Status receive_exactly(int fd, char* target, std::size_t size) {
  for (std::size_t done = 0; done != size;) {
    const ssize_t got = ::recv(fd, target + done, size - done, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) return error(ErrorCode::no_coordinator, "it closed the connection");
    if (got < 0) return system_error("receive from the coordinator", -errno);
    done += static_cast<std::size_t>(got);
  }
  return {};
}

Status receive_reply(int fd) {
  proto::FrameHeader header;
  STASIS_TRY(receive_exactly(fd, reinterpret_cast<char*>(&header), sizeof header));
  if (!proto::is_valid(header) || header.version != proto::kProtocolVersion ||
      header.type != static_cast<std::uint16_t>(proto::MessageType::reply)) {
    return error(ErrorCode::protocol, "the coordinator's answer");
  }
  std::string payload(header.length, '\0');
  STASIS_TRY(receive_exactly(fd, payload.data(), payload.size()));
  proto::Reply reply;
  Reader reader(payload);
  reader.record(reply);
  if (reply.code == ErrorCode::none) return {};
  Error failure = error(reply.code, reply.text);
  failure.sys_errno = reply.sys_errno;
  return failure;
}

}  // namespace

Result<std::string> plugin_prefix() {
  Dl_info self{};
  char path[4096];
  if (::dladdr(reinterpret_cast<void*>(&plugin_prefix), &self) == 0 || self.dli_fname == nullptr ||
      ::realpath(self.dli_fname, path) == nullptr) {
    return error(ErrorCode::defect, "the plugin does not find its own path");
  }
  std::string prefix = path;  // PREFIX/lib/stasis/spank_stasis.so
  for (int level = 0; level != 3; ++level) prefix.resize(std::min(prefix.rfind('/'), prefix.size()));
  return prefix;
}

Result<Installation> find_installation() {
  STASIS_TRY_VALUE(const std::string prefix, plugin_prefix());
  Installation found{prefix + "/bin/stasis", prefix + "/bin/stasis-coordinator", prefix + "/lib/stasis/libstasis.so"};
  for (const std::string* file : {&found.program, &found.coordinator, &found.library}) {
    if (::access(file->c_str(), R_OK) != 0) return system_error(*file, -errno);
  }
  return found;
}

Result<JobCoordinator> start_coordinator(const Installation& installation, const Lead& lead, const std::vector<std::string>& environment) {
  std::vector<std::string> arguments = {installation.coordinator, "--store", lead.store, "--ready-fd", std::to_string(kReadyFd)};
  if (!lead.part.empty()) arguments.insert(arguments.end(), {"--part", lead.part, "--streams"});
  arguments.insert(arguments.end(), lead.options.begin(), lead.options.end());
  const std::vector<char*> argument_list = pointers(arguments);
  const std::vector<char*> environment_list = pointers(environment);

  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("pipe", -errno);
  Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return system_error("fork", -errno);
  if (child == 0) {
    if (::fork() == 0) become_coordinator(writing.get(), lead, argument_list, environment_list);
    ::_exit(0);
  }
  writing.reset();
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  STASIS_TRY_VALUE(const auto line, read_line(reading.get()));
  if (line.view() != "ready") {
    std::string_view reason = line.view();
    if (reason.starts_with("error: ")) reason.remove_prefix(7);
    return error(ErrorCode::no_coordinator, reason.empty() ? "it ended at once" : reason);
  }
  return read_address(lead.store, lead.part);
}

Status register_root(const JobCoordinator& coordinator) {
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return system_error("socket", -errno);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (coordinator.socket.size() >= sizeof address.sun_path) return error(ErrorCode::defect, coordinator.socket);
  std::memcpy(address.sun_path, coordinator.socket.c_str(), coordinator.socket.size());
  const timeval patience{kReadyDeadline.count(), 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return system_error(coordinator.socket, -errno);
  }
  proto::Request request;
  request.verb = proto::Verb::register_root;
  request.key = coordinator.key;
  request.pid = ::getpid();
  STASIS_TRY(send_message(socket.get(), request));
  return receive_reply(socket.get());
}

}  // namespace stasis::spank
