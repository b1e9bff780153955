// See srun_output.hpp.
// World: programs.
#include "launch_proxy/srun_output.hpp"

#include <strings.h>

#include <algorithm>
#include <cstdlib>

#include "launch_proxy/srun_options.hpp"

namespace stasis::launch_proxy {
namespace {

// One stream's mode and who chose it.
struct Mode {
  std::string value = "all";
  std::string chosen_by;
};

struct Modes {
  Mode output, error, input, unbuffered, pty;
  bool labelled = false;
};

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) { return c >= '0' && c <= '9'; });
}

// How srun reads the variable of an option that has no argument.
bool is_on(const std::string& value) { return value.empty() || ::strcasecmp(value.c_str(), "yes") == 0 || std::atoi(value.c_str()) != 0; }

Modes from_environment(const std::function<std::optional<std::string>(const char*)>& variable) {
  Modes modes;
  const auto take = [&](const char* name, Mode& mode) {
    if (const auto value = variable(name)) mode = {*value, name};
  };
  take("SLURM_STDOUTMODE", modes.output);
  take("SLURM_STDERRMODE", modes.error);
  take("SLURM_STDINMODE", modes.input);
  if (const auto value = variable("SLURM_UNBUFFEREDIO"); value && is_on(*value)) modes.unbuffered = {*value, "SLURM_UNBUFFEREDIO"};
  const auto label = variable("SLURM_LABELIO");
  modes.labelled = label && is_on(*label);
  return modes;
}

void take_option(const SrunOption& option, Modes& modes) {
  switch (option.letter) {
    case 'o':
      modes.output = {option.value, "--output"};
      break;
    case 'e':
      modes.error = {option.value, "--error"};
      break;
    case 'i':
      modes.input = {option.value, "--input"};
      break;
    case 'l':
      modes.labelled = true;
      break;
    case 'u':
      modes.unbuffered = {"", "--unbuffered"};
      break;
    case kPty:
      modes.pty = {"", "--pty"};
      break;
  }
}

}  // namespace

SrunOutput read_srun_output(const std::vector<std::string>& arguments, const std::function<std::optional<std::string>(const char*)>& variable) {
  Modes modes = from_environment(variable);
  for (const SrunOption& option : read_srun_options(arguments)) take_option(option, modes);
  SrunOutput output;
  output.labelled = modes.labelled;
  output.own_terminal = !modes.pty.chosen_by.empty();
  if (output.own_terminal)
    output.bypass = modes.pty.chosen_by;
  else if (modes.output.value != "all")
    output.bypass = modes.output.chosen_by;
  else if (modes.error.value != "all")
    output.bypass = modes.error.chosen_by;
  else if (modes.input.value != "all" && modes.input.value != "none" && !is_number(modes.input.value))
    output.bypass = modes.input.chosen_by;
  else
    output.bypass = modes.unbuffered.chosen_by;
  return output;
}

}  // namespace stasis::launch_proxy
