// stasis-coordinator: started by stasis launch, stasis restart and the SPANK plugin, never by people.
//
// Options: see describe_options. Says "ready" or "error: ..." on --ready-fd when the store tells where it is.
// World: programs.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/program_options.hpp>
#include <cstdio>
#include <exception>
#include <iostream>

#include "coordinator/coordinator.hpp"
#include "coordinator/log.hpp"
#include "core/base/duration.hpp"

namespace {

namespace po = boost::program_options;
using stasis::coordinator::Coordinator;
using stasis::coordinator::Settings;

po::options_description describe_options() {
  po::options_description options("stasis-coordinator");
  options.add_options()
      ("help", "print this")
      ("store", po::value<std::string>()->required(), "directory of the store")
      ("interval", po::value<std::string>()->default_value("0s"), "time between two periodic checkpoints, 0s for none")
      ("keep", po::value<std::uint64_t>()->default_value(2), "how many generations are kept")
      ("batch", po::value<std::string>()->default_value(""), "batch system: slurm")
      ("ready-fd", po::value<int>()->default_value(-1), "descriptor to say ready on")
      ("restored", po::value<std::uint64_t>()->default_value(0), "generation that is being brought back")
      ("expect", po::value<std::uint64_t>()->default_value(0), "how many processes that generation has")
      ("command", po::value<std::string>()->default_value(""), "command of the computation, for people");
  return options;
}

void say_ready(int fd, const std::string& line) {
  if (fd < 0) return;
  const std::string text = line + "\n";
  [[maybe_unused]] const ssize_t told = ::write(fd, text.data(), text.size());
  ::close(fd);
}

int start(const Settings& settings) {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);
  ::umask(077);
  if (settings.ready_fd >= 0) ::fcntl(settings.ready_fd, F_SETFD, FD_CLOEXEC);
  Coordinator coordinator(settings);
  if (const stasis::Status opened = coordinator.open(); !opened) {
    const std::string line = stasis::coordinator::sentence(opened.error());
    say_ready(settings.ready_fd, "error: " + line);
    if (settings.ready_fd < 0) std::fprintf(stderr, "stasis-coordinator: %s\n", line.c_str());
    return stasis::describe(opened.error().code).exit_status;
  }
  say_ready(settings.ready_fd, "ready");
  return coordinator.run();
}

}  // namespace

int main(int argc, char** argv) try {
  po::variables_map given;
  const po::options_description options = describe_options();
  po::store(po::parse_command_line(argc, argv, options), given);
  if (given.count("help") != 0) {
    std::cout << options;
    return 0;
  }
  po::notify(given);
  Settings settings;
  settings.store = given["store"].as<std::string>();
  settings.command = given["command"].as<std::string>();
  settings.keep = std::max<std::uint64_t>(given["keep"].as<std::uint64_t>(), 1);
  settings.slurm = given["batch"].as<std::string>() == "slurm";
  settings.ready_fd = given["ready-fd"].as<int>();
  settings.restored = given["restored"].as<std::uint64_t>();
  settings.expect = given["expect"].as<std::uint64_t>();
  const auto interval = stasis::parse_duration(given["interval"].as<std::string>());
  if (!interval) {
    std::fprintf(stderr, "stasis-coordinator: --interval: %s\n", stasis::coordinator::sentence(interval.error()).c_str());
    return 2;
  }
  settings.interval_seconds = *interval;
  return start(settings);
} catch (const std::exception& problem) {
  std::fprintf(stderr, "stasis-coordinator: %s\n", problem.what());
  return 2;
}
