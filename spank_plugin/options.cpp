// Options of the plugin: one clear line for a bad value, at submit time.
//
// A negative return from an option's callback makes srun, sbatch and salloc give up before anything is submitted; that is the one
// place where the plugin may stop a command, because the user asked for something that does not exist. In slurmstepd the
// callbacks are called again (twice in Slurm 22.05) and do nothing: the node reads the job's environment (session.hpp).
// World: SPANK.
#include "spank_plugin/options.hpp"

#include <unistd.h>

#include <string>

#include "core/base/sentence.hpp"
#include "spank_plugin/option_values.hpp"

namespace stasis::spank {
namespace {

enum OptionNumber { kIntervalOption = 1, kDirectoryOption = 2, kKeepOption = 3 };

// Slurm's option callbacks carry no pointer of ours, so the session they fill is known here; set by register_options only.
Session* option_session = nullptr;

int refuse(const char* option, const Error& failure) {
  slurm_error("stasis: %s: %s", option, sentence_with_remedy(failure).c_str());
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

}  // namespace stasis::spank
