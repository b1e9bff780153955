// Options of the plugin: one clear line for a bad value, at submit time.
//
// A negative return from an option's callback makes srun, sbatch and salloc give up before anything is submitted; that is the one
// place where the plugin may stop a command, because the user asked for something that does not exist. In slurmstepd the
// callbacks are called again (twice in Slurm 22.05) and do nothing: the node reads the job's environment (session.hpp).
// World: SPANK.
#include "spank_plugin/options.hpp"

#include <unistd.h>

#include <charconv>

#include "core/base/duration.hpp"

namespace stasis::spank {
namespace {

enum OptionNumber { kIntervalOption = 1, kDirectoryOption = 2, kKeepOption = 3 };

// Slurm's option callbacks carry no pointer of ours, so the session they fill is known here; set by register_options only.
Session* option_session = nullptr;

int refuse(const char* option, const Error& failure) {
  const ErrorText text = describe(failure.code);
  slurm_error("stasis: %s: %s: %s; %s", option, std::string(text.text).c_str(), failure.detail.c_str(),
              std::string(text.remedy).c_str());
  return -1;
}

int take_option(int number, const char* argument, int remote) noexcept {
  if (remote != 0 || option_session == nullptr) return 0;
  try {
    const std::string_view text = argument != nullptr ? argument : "";
    Options& options = option_session->options;
    if (number == kIntervalOption) {
      const auto seconds = parse_interval(text);
      if (!seconds) return refuse("--checkpoint-interval", seconds.error());
      options.interval_seconds = *seconds;
    } else if (number == kDirectoryOption) {
      char base[4096];
      const auto directory = parse_directory(text, ::getcwd(base, sizeof base) != nullptr ? base : "/");
      if (!directory) return refuse("--checkpoint-dir", directory.error());
      options.directory = (*directory).c_str();
    } else if (number == kKeepOption) {
      const auto keep = parse_keep(text);
      if (!keep) return refuse("--checkpoint-keep", keep.error());
      options.keep = *keep;
    }
    return 0;
  } catch (...) {
    return 0;
  }
}

Result<std::uint32_t> parse_number(std::string_view text, std::uint32_t least, std::uint32_t most) {
  std::uint32_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem == std::errc() && end == text.data() + text.size() && number >= least && number <= most) return number;
  Error failure = error(ErrorCode::bad_number, "'");
  failure.detail.append(text.substr(0, 64)).append("' is not from ").append_number(least).append(" to ").append_number(most);
  return failure;
}

}  // namespace

void register_options(spank_t spank, Session& session) {
  static char interval_name[] = "checkpoint-interval";
  static char interval_argument[] = "TIME";
  static char interval_usage[] = "checkpoint the job every TIME (90s, 30m, 2h, 1d, or as --time) and when it must make room";
  static char directory_name[] = "checkpoint-dir";
  static char directory_argument[] = "DIR";
  static char directory_usage[] = "keep checkpoints in DIR (%j %A %a %u %x %N are filled in); default stasis-%j";
  static char keep_name[] = "checkpoint-keep";
  static char keep_argument[] = "N";
  static char keep_usage[] = "keep the newest N checkpoints";
  spank_option table[] = {
      {interval_name, interval_argument, interval_usage, 1, kIntervalOption, take_option},
      {directory_name, directory_argument, directory_usage, 1, kDirectoryOption, take_option},
      {keep_name, keep_argument, keep_usage, 1, kKeepOption, take_option},
  };
  option_session = &session;
  for (spank_option& option : table) {
    if (const spank_err_t problem = spank_option_register(spank, &option); problem != ESPANK_SUCCESS) {
      slurm_debug("stasis: option --%s is not available here: %s", option.name, spank_strerror(problem));
    }
  }
}

Result<Site> parse_site(int argc, char** argv) {
  Site site;
  for (int i = 0; i < argc; ++i) {
    const std::string_view argument = argv[i];
    constexpr std::string_view kGrace = "grace=";
    if (!argument.starts_with(kGrace)) return error(ErrorCode::usage, argument).with("plugstack.conf: unknown argument");
    const auto seconds = parse_number(argument.substr(kGrace.size()), 1, 65'535);
    if (!seconds) return seconds.error().with("plugstack.conf: grace");
    site.grace_seconds = *seconds;
  }
  return site;
}

Result<std::uint64_t> parse_interval(std::string_view text) {
  STASIS_TRY_VALUE(const std::uint64_t seconds, parse_duration(text));
  return seconds;
}

Result<std::uint32_t> parse_keep(std::string_view text) { return parse_number(text, 1, 1'000'000); }

Result<FixedString<4096>> parse_directory(std::string_view text, std::string_view base) {
  constexpr std::string_view kPatterns = "jAauxN%";
  if (text.empty()) return error(ErrorCode::bad_directory, "it is empty");
  if (base.size() + text.size() > 3'500) return error(ErrorCode::bad_directory, "it is too long");
  for (std::size_t i = 0; i != text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) < 0x20) return error(ErrorCode::bad_directory, "it holds a control character");
    if (text[i] != '%') continue;
    if (++i == text.size() || kPatterns.find(text[i]) == std::string_view::npos) {
      return error(ErrorCode::bad_directory, text).with("only %j %A %a %u %x %N %% are known");
    }
  }
  FixedString<4096> absolute;
  if (text.front() != '/') absolute.append(base).append("/");
  absolute.append(text);
  return absolute;
}

}  // namespace stasis::spank
