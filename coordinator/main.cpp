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

#include "coordinator/log.hpp"
#include "coordinator/remote_root.hpp"
#include "coordinator/root.hpp"
#include "coordinator/starter.hpp"
#include "coordinator/store.hpp"
#include "core/base/duration.hpp"
#include "core/base/sentence.hpp"

namespace {

namespace po = boost::program_options;
using stasis::coordinator::RemoteRoot;
using stasis::coordinator::Root;
using stasis::coordinator::Starter;

po::options_description describe_options() {
  po::options_description options("stasis-coordinator");
  options.add_options()
      ("help", "print this")
      ("store", po::value<std::string>()->required(), "directory of the store")
      ("interval", po::value<std::string>()->default_value("0s"), "time between two periodic checkpoints, 0s for none")
      ("keep", po::value<std::uint64_t>()->default_value(2), "how many generations are kept")
      ("batch", po::value<std::string>()->default_value(""), "batch system: slurm")
      ("ready-fd", po::value<int>()->default_value(-1), "descriptor to say ready on, and in a restart running")
      ("restored", po::value<std::uint64_t>()->default_value(0), "generation that is being brought back")
      ("expect", po::value<std::uint64_t>()->default_value(0), "how many processes that generation has")
      ("part", po::value<std::string>()->default_value(""), "be the coordinator of this part of the computation, under the root that the store names")
      ("launch", po::value<std::string>()->default_value(""), "id of the launch that the part belongs to")
      ("parts", po::value<std::uint32_t>()->default_value(1), "of how many parts that launch consists")
      ("meeting", po::value<std::uint16_t>()->default_value(0), "of a restart of several parts: the port at which connections to others are made anew")
      ("streams", "descriptors 4 and 5 are standard output and error of the part's task")
      ("command", po::value<std::string>()->default_value(""), "command of the computation, for people");
  return options;
}

// The part that the options name, under the root whose address and key the store holds.
stasis::Result<RemoteRoot::Settings> part_settings(const po::variables_map& given) {
  RemoteRoot::Settings settings;
  STASIS_TRY_VALUE(const stasis::coordinator::RootAddress root, stasis::coordinator::read_root_address(given["store"].as<std::string>()));
  settings.host = root.host;
  settings.port = root.port;
  settings.computation = root.computation;
  settings.launch = given["launch"].as<std::string>();
  settings.parts = given["parts"].as<std::uint32_t>();
  settings.node.store = root.store;
  settings.node.part = given["part"].as<std::string>();
  settings.node.computation = root.computation + "." + settings.node.part;
  settings.node.key = root.key;
  settings.node.launch = settings.launch;
  settings.node.task = stasis::coordinator::task_of(settings.node.part);
  settings.node.has_streams = given.count("streams") != 0;
  settings.node.restored = given["restored"].as<std::uint64_t>();
  settings.node.expect = given["expect"].as<std::uint64_t>();
  settings.meeting = given["meeting"].as<std::uint16_t>();
  settings.node.connects = settings.meeting != 0;
  return settings;
}

Root::Settings root_settings(const po::variables_map& given, std::uint64_t interval) {
  Root::Settings settings;
  settings.store = given["store"].as<std::string>();
  settings.command = given["command"].as<std::string>();
  settings.interval_seconds = interval;
  settings.keep = std::max<std::uint64_t>(given["keep"].as<std::uint64_t>(), 1);
  settings.slurm = given["batch"].as<std::string>() == "slurm";
  settings.restored = given["restored"].as<std::uint64_t>();
  settings.expect = given["expect"].as<std::uint64_t>();
  settings.connects = given["meeting"].as<std::uint16_t>() != 0;
  return settings;
}

void prepare_process() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGCHLD, SIG_DFL);
  ::umask(077);
  for (const int fd : {stasis::coordinator::kTaskOutput, stasis::coordinator::kTaskError}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int fail(Starter& starter, const stasis::Error& failure) {
  if (!starter.waits()) std::fprintf(stderr, "stasis-coordinator: %s\n", stasis::sentence(failure).c_str());
  starter.say_failed(failure);
  return stasis::describe(failure.code).exit_status;
}

template <class Role>
int play(Role&& role, Starter& starter, bool restores) {
  if (const stasis::Status opened = role.open(); !opened) return fail(starter, opened.error());
  starter.say("ready");
  if (!restores) starter.leave();
  return role.run();
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
  const auto interval = stasis::parse_duration(given["interval"].as<std::string>());
  if (!interval) {
    std::fprintf(stderr, "stasis-coordinator: --interval: %s\n", stasis::sentence(interval.error()).c_str());
    return 2;
  }
  Starter starter(given["ready-fd"].as<int>());
  prepare_process();
  const bool restores = given["restored"].as<std::uint64_t>() != 0;
  if (given["part"].as<std::string>().empty()) return play(Root(root_settings(given, *interval), starter), starter, restores);
  const auto part = part_settings(given);
  if (!part) return fail(starter, part.error());
  return play(RemoteRoot(*part, starter), starter, restores);
} catch (const std::exception& problem) {
  std::fprintf(stderr, "stasis-coordinator: %s\n", problem.what());
  return 2;
}
