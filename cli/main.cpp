// stasis: the command line. One verb each; what a verb takes is in command_line.hpp, what it does in its own file.
//
// World: programs. Exit statuses: core/base/errors.def, stasis(1).
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "cli/check.hpp"
#include "cli/command_line.hpp"
#include "cli/inspect.hpp"
#include "cli/launch.hpp"
#include "cli/list.hpp"
#include "cli/requests.hpp"
#include "cli/verify.hpp"
#include "core/base/duration.hpp"
#include "core/base/sentence.hpp"
#include "coordinator/run_directory.hpp"
#include "restart_wrapper/restart.hpp"

namespace {

using namespace stasis;
using cli::Given;
using cli::Verb;
namespace option = cli::option;

int complain(const char* verb, const Error& failure) {
  std::fprintf(stderr, "stasis%s%s: %s\n", *verb != '\0' ? " " : "", verb, sentence_with_remedy(failure).c_str());
  return describe(failure.code).exit_status;
}

// Times are checked here, where the user gave them; the coordinator gets them normalised.
Result<std::string> interval_of(const Given& given) {
  if (!given.has("interval")) return std::string();
  STASIS_TRY_VALUE(const std::uint64_t seconds, parse_duration(given.text("interval")));
  return std::string(format_duration(seconds).view());
}

// 0 if the option is not given.
Result<std::uint64_t> number_of(const Given& given, const char* name) {
  const std::string text = given.text(name);
  if (!given.has(name)) return std::uint64_t{0};
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos || std::stoull(text) == 0) {
    return error(ErrorCode::bad_number, std::string("--") + name + " '" + text + "'");
  }
  return std::uint64_t{std::stoull(text)};
}

int run_launch(const Given& given) {
  if (given.command.empty()) return complain("launch", error(ErrorCode::usage, "no command"));
  const auto interval = interval_of(given);
  if (!interval) return complain("launch", interval.error());
  const auto keep = number_of(given, "keep");
  if (!keep) return complain("launch", keep.error());
  return cli::launch({given.place(), *interval, *keep == 0 ? "" : std::to_string(*keep), given.command});
}

int run_restart(const Given& given) {
  restart::Options options;
  options.store = given.place();
  const auto generation = number_of(given, "generation");
  if (!generation) return complain("restart", generation.error());
  options.generation = *generation;
  const auto interval = interval_of(given);
  if (!interval) return complain("restart", interval.error());
  options.interval = *interval;
  const auto keep = number_of(given, "keep");
  if (!keep) return complain("restart", keep.error());
  if (*keep != 0) options.keep = std::to_string(*keep);
  options.dry_run = given.has("dry-run");
  if (given.has("part")) options.part = given.text("part");
  for (const char* name : {"generation", "interval", "keep"})
    if (given.has("part") && given.has(name)) return complain("restart", error(ErrorCode::usage, std::string("both --part and --") + name));
  const int status = restart::run(options);
  coordinator::sweep_run_directories();  // of an attempt that failed: its coordinator may have ended with it
  return status;
}

int run_list(const Given& given) {
  const bool all = given.words.empty() && given.text("dir").empty();
  return all ? cli::list_running(given.has("json")) : cli::list(given.place(), given.has("json"));
}

int run_check(const Given& given) {
  if (given.command.empty()) return complain("check", error(ErrorCode::usage, "no command"));
  return cli::check(given.command.front());
}

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> all{
      {"launch", "Runs a command, so that it can be checkpointed.", "", "-- COMMAND ARGS...", {&option::dir, &option::interval, &option::keep}, run_launch},
      {"checkpoint", "Takes a checkpoint; returns when it is committed, or with the reason why not.", "[DIR | --dir DIR]", "",
       {&option::dir, &option::exit, &option::json},
       [](const Given& given) { return cli::checkpoint(given.place(), given.has("exit"), given.has("json")); }},
      {"restart", "Brings the newest good generation back and stays in the foreground until the program ends.", "[DIR | --dir DIR]", "",
       {&option::dir, &option::generation, &option::part, &option::interval, &option::keep, &option::dry_run}, run_restart},
      {"status", "Shows the processes of a running computation.", "[DIR | --dir DIR]", "", {&option::dir, &option::json},
       [](const Given& given) { return cli::status(given.place(), given.has("json")); }},
      {"kill", "Ends all processes of a running computation.", "[DIR | --dir DIR]", "", {&option::dir},
       [](const Given& given) { return cli::kill(given.place()); }},
      {"list", "Shows the generations of a store; without DIR, the computations of this user that run on this node.", "[DIR | --dir DIR]", "",
       {&option::dir, &option::json}, run_list},
      {"inspect", "Shows what is in an image, or in the images of the newest generation of a store.", "[DIR | IMAGE | --dir DIR]", "", {&option::dir, &option::json},
       [](const Given& given) { return cli::inspect(given.place(), given.has("json")); }},
      {"verify", "Reads every byte of an image, or of all images of a store, and says what is damaged.", "[DIR | IMAGE | --dir DIR]", "",
       {&option::dir, &option::json}, [](const Given& given) { return cli::verify(given.place(), given.has("json")); }},
      {"check", "Says whether a command can be checkpointed and restarted here; runs nothing.", "", "-- COMMAND", {}, run_check},
  };
  return all;
}

void print_usage() {
  const char* lead = "usage:";
  for (const Verb& verb : verbs()) {
    std::printf("%-6s %s\n", lead, cli::synopsis(verb).c_str());
    lead = "";
  }
  std::puts("       stasis --help | --version");
  std::puts("stasis VERB --help says what the options of a verb are. See stasis(1).");
}

int run_verb(const Verb& verb, const std::vector<std::string>& arguments) {
  const Given given = cli::parse(verb, arguments);
  if (!given.has("help")) return verb.run(given);
  std::fputs(cli::help_of(verb).c_str(), stdout);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  if (word == "--help" || word == "help" || word == "-h") {
    print_usage();
    return 0;
  }
  if (word == "--version") {
    std::puts("stasis " STASIS_VERSION);
    return 0;
  }
  if (word.empty()) return complain("", error(ErrorCode::usage, "no verb"));
  const auto verb = std::find_if(verbs().begin(), verbs().end(), [&](const Verb& one) { return word == one.name; });
  if (verb == verbs().end()) return complain("", error(ErrorCode::unknown_verb, word));
  try {
    return run_verb(*verb, {argv + 2, argv + argc});
  } catch (const boost::program_options::error& problem) {
    return complain(verb->name, error(ErrorCode::usage, problem.what()));
  } catch (const std::exception& problem) {
    return complain(verb->name, error(ErrorCode::defect, problem.what()));
  }
}
