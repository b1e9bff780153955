// stasis: the command line. One verb each; what a verb does is in its own file.
//
// World: programs. Exit statuses: core/base/errors.def, stasis(1).
#include <boost/program_options.hpp>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "cli/check.hpp"
#include "cli/image_files.hpp"
#include "cli/inspect.hpp"
#include "cli/launch.hpp"
#include "cli/list.hpp"
#include "cli/requests.hpp"
#include "cli/verify.hpp"
#include "core/base/duration.hpp"
#include "restart_wrapper/restart.hpp"

namespace {

namespace po = boost::program_options;
using namespace stasis;

constexpr const char* kUsage =
    "usage: stasis launch [--dir DIR] [--interval TIME] [--keep N] -- COMMAND ARGS...\n"
    "       stasis checkpoint [--dir DIR] [--exit] [--json]\n"
    "       stasis restart [DIR] [--generation N] [--interval TIME] [--keep N] [--dry-run]\n"
    "       stasis status [--dir DIR] [--json]\n"
    "       stasis kill [--dir DIR]\n"
    "       stasis list [DIR] [--json]\n"
    "       stasis inspect DIR|IMAGE [--json]\n"
    "       stasis verify DIR|IMAGE [--json]\n"
    "       stasis check -- COMMAND\n"
    "DIR is the store of one computation, ./stasis-store if not given; TIME is 90s, 30m, 2h, 1d or in Slurm's form. See stasis(1).\n";

int complain(const char* verb, const Error& failure) {
  std::fprintf(stderr, "stasis%s%s: %s\n", *verb != '\0' ? " " : "", verb, cli::sentence(failure).c_str());
  return describe(failure.code).exit_status;
}

struct Given {
  po::variables_map values;
  std::vector<std::string> words;    // operands before --
  std::vector<std::string> command;  // after --, or from the first operand of launch on
  std::string text(const char* name) const { return values.count(name) != 0 ? values[name].as<std::string>() : ""; }
  bool flag(const char* name) const { return values.count(name) != 0; }
};

// Each verb takes only its own options; `operands` is how many words may follow.
Given parse(const std::string& verb, std::vector<std::string> arguments, const std::vector<std::string>& allowed, std::size_t operands) {
  Given given;
  po::options_description options;
  for (const std::string& name : allowed) {
    if (name == "json" || name == "exit" || name == "dry-run") options.add_options()(name.c_str(), "");
    else options.add_options()(name.c_str(), po::value<std::string>(), "");
  }
  if (verb == "launch") {  // the command's own options are not ours
    std::size_t at = 0;
    while (at < arguments.size() && arguments[at].starts_with("--") && arguments[at] != "--") at += arguments[at].find('=') == std::string::npos ? 2 : 1;
    at = std::min(at, arguments.size());
    const std::size_t command = at < arguments.size() && arguments[at] == "--" ? at + 1 : at;
    given.command.assign(arguments.begin() + static_cast<std::ptrdiff_t>(command), arguments.end());
    arguments.resize(at);
  }
  po::options_description all;
  all.add(options).add_options()("operand", po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add("operand", -1);
  po::store(po::command_line_parser(arguments).options(all).positional(positional).run(), given.values);
  if (given.values.count("operand") != 0) given.words = given.values["operand"].as<std::vector<std::string>>();
  if (given.words.size() > operands) throw po::error("too many operands: " + given.words[operands]);
  return given;
}

std::string store_of(const Given& given) {
  if (!given.words.empty()) return given.words.front();
  const std::string directory = given.text("dir");
  return directory.empty() ? "stasis-store" : directory;
}

// Times are checked here, where the user gave them; the coordinator gets them normalised.
Result<std::string> interval_of(const Given& given) {
  const std::string text = given.text("interval");
  if (text.empty() && !given.flag("interval")) return std::string();
  STASIS_TRY_VALUE(const std::uint64_t seconds, parse_duration(text));
  return std::string(format_duration(seconds).view());
}

Result<std::uint64_t> number_of(const Given& given, const char* name) {
  const std::string text = given.text(name);
  if (text.empty() && !given.flag(name)) return std::uint64_t{0};
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos || std::stoull(text) == 0) {
    return error(ErrorCode::bad_number, std::string("--") + name + " '" + text + "'");
  }
  return std::uint64_t{std::stoull(text)};
}

int run_launch(const std::vector<std::string>& arguments) {
  const Given given = parse("launch", arguments, {"dir", "interval", "keep"}, 0);
  if (given.command.empty()) return complain("launch", error(ErrorCode::usage, "no command"));
  const auto interval = interval_of(given);
  if (!interval) return complain("launch", interval.error());
  const auto keep = number_of(given, "keep");
  if (!keep) return complain("launch", keep.error());
  return cli::launch({store_of(given), *interval, *keep == 0 ? "" : std::to_string(*keep), given.command});
}

int run_restart(const std::vector<std::string>& arguments) {
  const Given given = parse("restart", arguments, {"dir", "generation", "interval", "keep", "dry-run"}, 1);
  restart::Options options;
  options.store = store_of(given);
  const auto generation = number_of(given, "generation");
  if (!generation) return complain("restart", generation.error());
  options.generation = *generation;
  const auto interval = interval_of(given);
  if (!interval) return complain("restart", interval.error());
  options.interval = *interval;
  const auto keep = number_of(given, "keep");
  if (!keep) return complain("restart", keep.error());
  if (*keep != 0) options.keep = std::to_string(*keep);
  options.dry_run = given.flag("dry-run");
  return restart::run(options);
}

int run_verb(const std::string& verb, const std::vector<std::string>& arguments) {
  if (verb == "launch") return run_launch(arguments);
  if (verb == "restart") return run_restart(arguments);
  if (verb == "checkpoint") {
    const Given given = parse(verb, arguments, {"dir", "exit", "json"}, 1);
    return cli::checkpoint(store_of(given), given.flag("exit"), given.flag("json"));
  }
  if (verb == "status" || verb == "list") {
    const Given given = parse(verb, arguments, {"dir", "json"}, 1);
    if (verb == "status") return cli::status(store_of(given), given.flag("json"));
    const bool all = given.words.empty() && given.text("dir").empty();
    return all ? cli::list_running(given.flag("json")) : cli::list(store_of(given), given.flag("json"));
  }
  if (verb == "kill") return cli::kill(store_of(parse(verb, arguments, {"dir"}, 1)));
  if (verb == "inspect" || verb == "verify") {
    const Given given = parse(verb, arguments, {"dir", "json"}, 1);
    return verb == "inspect" ? cli::inspect(store_of(given), given.flag("json")) : cli::verify(store_of(given), given.flag("json"));
  }
  if (verb == "check") {
    const std::size_t at = !arguments.empty() && arguments.front() == "--" ? 1 : 0;
    if (at >= arguments.size() || (at == 0 && arguments.front().starts_with("-"))) return complain("check", error(ErrorCode::usage, "no command"));
    return cli::check(arguments[at]);
  }
  return complain("", error(ErrorCode::unknown_verb, verb));
}

}  // namespace

int main(int argc, char** argv) {
  const std::string verb = argc > 1 ? argv[1] : "";
  if (verb == "--help" || verb == "help" || verb == "-h") {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (verb == "--version") {
    std::puts("stasis " STASIS_VERSION);
    return 0;
  }
  if (verb.empty()) return complain("", error(ErrorCode::usage, "no verb"));
  try {
    const std::vector<std::string> arguments(argv + 2, argv + argc);
    if (!arguments.empty() && arguments.front() == "--help") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    return run_verb(verb, arguments);
  } catch (const po::error& problem) {
    return complain(verb.c_str(), error(ErrorCode::usage, problem.what()));
  } catch (const std::exception& problem) {
    return complain(verb.c_str(), error(ErrorCode::defect, problem.what()));
  }
}
