// See proxy.hpp.
// World: programs.
#include "launch_proxy/proxy.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "core/environment.hpp"
#include "launch_proxy/drained.hpp"
#include "launch_proxy/srun_nodes.hpp"
#include "launch_proxy/srun_process.hpp"
#include "launch_proxy/streams.hpp"

extern char** environ;

namespace stasis::launch_proxy {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::string random_id() {
  std::uint32_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) number = static_cast<std::uint32_t>(::getpid());
  std::string id;
  for (int shift = 28; shift >= 0; shift -= 4) id += "0123456789abcdef"[number >> shift & 15];
  return id;
}

// A path in the run directory; empty if the proxy is in no computation.
std::string in_run_directory(const char* name) {
  const auto directory = variable(environment::kRunDirectory);
  return directory ? *directory + "/" + name : "";
}

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string target_of(const std::string& link) {
  std::error_code none;
  return std::filesystem::read_symlink(link, none).string();
}

constexpr const char* kNodes = "SLURM_JOB_NODELIST";

std::string value_in(const std::vector<std::string>& environment, const std::string& name) {
  for (const std::string& one : environment)
    if (one.starts_with(name + "=")) return one.substr(name.size() + 1);
  return {};
}

bool set_nonblocking(int fd) { return ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) == 0; }

}  // namespace

Proxy::Proxy(std::string path, std::vector<std::string> arguments)
    : path_(std::move(path)), arguments_(std::move(arguments)), inherited_(catch_signals()), output_(read_srun_output(arguments_, variable)) {
  launch_.id = random_id();
  launch_.undrained = output_.bypass;
  if (output_.own_terminal) return;
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO}) {
    if (!is_open(stream)) continue;
    relays_[stream - 1] = std::make_unique<OutputRelay>(stream, launch_.id, output_.labelled, [stream](const proto::DrainMarker& marker) {
      if (const char* directory = std::getenv(environment::kRunDirectory)) tell_drained(directory, marker, stream);
    });
  }
  if (is_stream(STDIN_FILENO)) input_ = std::make_unique<InputRelay>();
}

// Makes srun's ends of new pipes, which the caller closes, and takes the others.
Status Proxy::connect_streams(int (&streams)[3]) {
  for (int stream = 0; stream != 3; ++stream) {
    OutputRelay* relay = stream == STDIN_FILENO ? nullptr : relays_[stream - 1].get();
    if (stream == STDIN_FILENO ? input_ == nullptr : relay == nullptr) continue;
    Pipe pipe;
    if (!make_pipe(pipe)) return system_error("make a pipe", -errno);
    const int ours = relay != nullptr ? pipe.reading : pipe.writing;
    streams[stream] = relay != nullptr ? pipe.writing : pipe.reading;
    if (relay != nullptr)
      relay->take_source(ours);
    else
      input_->take_target(ours);
    if (!set_nonblocking(ours)) return system_error("set a pipe's flags", -errno);
  }
  return {};
}

Status Proxy::start() {
  SrunProcess how;
  how.path = path_;
  how.arguments = arguments_;
  launch_.store = target_of(in_run_directory(run_directory::kStoreLink));
  how.environment = srun_environment(environ, launch_, content_of(in_run_directory(run_directory::kEnvironment)));
  if (launch_.again) how.arguments = on_new_nodes(arguments_, variable(kNodes).value_or(""), value_in(how.environment, kNodes), expand_by_scontrol);
  how.shares_group = output_.own_terminal || ::isatty(STDIN_FILENO) == 1;
  Status connected = connect_streams(how.streams);
  Result<pid_t> started = connected ? start_srun(how, inherited_) : Result<pid_t>(connected.error());
  for (const int stream : how.streams) {
    if (stream >= 0) ::close(stream);
  }
  if (!started) return started.error();
  child_ = *started;
  launch_.again = true;  // a further start can only be one after a restart
  pass_signals_to(child_, how.shares_group);
  return {};
}

// Waits until something can be read or written, and does it.
Proxy::Round Proxy::relay() {
  pollfd events[4] = {{-1, 0, 0}, {-1, 0, 0}, {-1, 0, 0}, {-1, 0, 0}};
  if (input_) input_->wanted(events[0], events[1]);
  for (int i = 0; i != 2; ++i) {
    if (relays_[i]) events[2 + i] = relays_[i]->wanted();
  }
  if (events[1].fd < 0 && events[2].fd < 0 && events[3].fd < 0) return Round::nothing_left;
  if (::ppoll(events, 4, nullptr, &mask_while_waiting()) < 0) return Round::look;
  Round round = Round::relayed;
  for (int i = 0; i != 2; ++i) {
    if (relays_[i] && events[2 + i].revents != 0 && relays_[i]->advance()) round = Round::look;
  }
  if (input_ && input_->advance(events[0], events[1])) round = Round::input_unread;
  return round;
}

Proxy::Child Proxy::look_at_child(int options) {
  int status = 0;
  const pid_t pid = ::waitpid(child_, &status, options);
  if (pid == child_) {
    status_ = status;
    return Child::ended;
  }
  return pid < 0 && errno == ECHILD ? Child::gone : Child::runs;
}

// Passes on what the srun that has ended has left in the pipes; if no other will come, also what the filters hold back.
void Proxy::run_down(bool for_good) {
  for (const auto& relay : relays_) {
    if (relay) relay->end_source();
  }
  for (bool finished = !for_good;;) {
    pollfd events[2] = {{-1, 0, 0}, {-1, 0, 0}};
    bool idle = true;
    for (int i = 0; i != 2; ++i) {
      if (!relays_[i] || relays_[i]->is_idle()) continue;
      events[i] = relays_[i]->wanted();
      idle = false;
    }
    if (idle && finished) return;
    if (idle) {
      for (const auto& relay : relays_) {
        if (relay) relay->finish();
      }
      finished = true;
      continue;
    }
    ::ppoll(events, 2, nullptr, nullptr);
    for (const auto& relay : relays_) {
      if (relay) relay->advance();
    }
  }
}

Result<int> Proxy::run() {
  STASIS_TRY(start());
  for (;;) {
    const Round round = relay();
    if (round == Round::relayed) continue;
    const Child child = look_at_child(round == Round::nothing_left ? 0 : WNOHANG);
    if (child == Child::ended) break;
    if (child == Child::gone) {
      run_down(false);
      STASIS_TRY(start());
    } else if (round == Round::input_unread) {
      input_->close_target();
    }
  }
  release_signals(inherited_);
  run_down(true);
  return status_;
}

}  // namespace stasis::launch_proxy
