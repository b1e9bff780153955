// See srun_output.hpp.
// World: programs.
#include "launch_proxy/srun_output.hpp"

#include <getopt.h>
#include <strings.h>

#include <algorithm>
#include <cstdlib>

namespace stasis::launch_proxy {
namespace {

// srun(1) of Slurm 22.05, and the few options of later releases that take no word of their own.
constexpr const char* kShort = "+A:b:B:c:C:d:D:e:EF:G:hHi:I::J:k::K::lL:m:M:n:N:o:Op:q:Qr:sS:t:T:uU:vVw:W:x:XZ";
enum { kOther = 1000, kPty };
constexpr option kLong[] = {
    {"output", required_argument, nullptr, 'o'},
    {"error", required_argument, nullptr, 'e'},
    {"input", required_argument, nullptr, 'i'},
    {"label", no_argument, nullptr, 'l'},
    {"unbuffered", no_argument, nullptr, 'u'},
    {"pty", optional_argument, nullptr, kPty},
#define FLAG(name) \
  { name, no_argument, nullptr, kOther }
#define OPTIONAL(name) \
  { name, optional_argument, nullptr, kOther }
#define VALUE(name) \
  { name, required_argument, nullptr, kOther }
    FLAG("contiguous"),
    FLAG("disable-status"),
    FLAG("exact"),
    FLAG("external"),
    FLAG("help"),
    FLAG("hold"),
    FLAG("interactive"),
    FLAG("multi-prog"),
    FLAG("no-allocate"),
    FLAG("overcommit"),
    FLAG("overlap"),
    FLAG("oversubscribe"),
    FLAG("preserve-env"),
    FLAG("quiet"),
    FLAG("quit-on-interrupt"),
    FLAG("reboot"),
    FLAG("share"),
    FLAG("spread-job"),
    FLAG("stepmgr"),
    FLAG("test-only"),
    FLAG("usage"),
    FLAG("use-min-nodes"),
    FLAG("verbose"),
    FLAG("version"),
    FLAG("whole"),
    OPTIONAL("bcast"),
    OPTIONAL("compress"),
    OPTIONAL("exclusive"),
    OPTIONAL("immediate"),
    OPTIONAL("kill-on-bad-exit"),
    OPTIONAL("nice"),
    OPTIONAL("no-kill"),
    OPTIONAL("propagate"),
    OPTIONAL("resv-ports"),
    OPTIONAL("send-libs"),
    OPTIONAL("x11"),
    VALUE("accel-bind"),
    VALUE("account"),
    VALUE("acctg-freq"),
    VALUE("bb"),
    VALUE("bbf"),
    VALUE("bcast-exclude"),
    VALUE("begin"),
    VALUE("chdir"),
    VALUE("cluster-constraint"),
    VALUE("clusters"),
    VALUE("comment"),
    VALUE("constraint"),
    VALUE("container"),
    VALUE("core-spec"),
    VALUE("cores-per-socket"),
    VALUE("cpu-bind"),
    VALUE("cpu-freq"),
    VALUE("cpus-per-gpu"),
    VALUE("cpus-per-task"),
    VALUE("deadline"),
    VALUE("delay-boot"),
    VALUE("dependency"),
    VALUE("distribution"),
    VALUE("epilog"),
    VALUE("exclude"),
    VALUE("export"),
    VALUE("extra-node-info"),
    VALUE("gid"),
    VALUE("gpu-bind"),
    VALUE("gpu-freq"),
    VALUE("gpus"),
    VALUE("gpus-per-node"),
    VALUE("gpus-per-socket"),
    VALUE("gpus-per-task"),
    VALUE("gres"),
    VALUE("gres-flags"),
    VALUE("het-group"),
    VALUE("hint"),
    VALUE("job-name"),
    VALUE("jobid"),
    VALUE("licenses"),
    VALUE("mail-type"),
    VALUE("mail-user"),
    VALUE("mcs-label"),
    VALUE("mem"),
    VALUE("mem-bind"),
    VALUE("mem-per-cpu"),
    VALUE("mem-per-gpu"),
    VALUE("mincpus"),
    VALUE("mpi"),
    VALUE("msg-timeout"),
    VALUE("network"),
    VALUE("nodefile"),
    VALUE("nodelist"),
    VALUE("nodes"),
    VALUE("ntasks"),
    VALUE("ntasks-per-core"),
    VALUE("ntasks-per-gpu"),
    VALUE("ntasks-per-node"),
    VALUE("ntasks-per-socket"),
    VALUE("open-mode"),
    VALUE("partition"),
    VALUE("power"),
    VALUE("prefer"),
    VALUE("priority"),
    VALUE("profile"),
    VALUE("prolog"),
    VALUE("qos"),
    VALUE("relative"),
    VALUE("reservation"),
    VALUE("signal"),
    VALUE("slurmd-debug"),
    VALUE("sockets-per-node"),
    VALUE("switches"),
    VALUE("task-epilog"),
    VALUE("task-prolog"),
    VALUE("thread-spec"),
    VALUE("threads"),
    VALUE("threads-per-core"),
    VALUE("time"),
    VALUE("time-min"),
    VALUE("tmp"),
    VALUE("uid"),
    VALUE("wait"),
    VALUE("wckey"),
#undef FLAG
#undef OPTIONAL
#undef VALUE
    {nullptr, 0, nullptr, 0},
};

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

void take_option(int option, Modes& modes) {
  switch (option) {
    case 'o':
      modes.output = {optarg, "--output"};
      break;
    case 'e':
      modes.error = {optarg, "--error"};
      break;
    case 'i':
      modes.input = {optarg, "--input"};
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

// The options of one component; returns where its command begins.
std::size_t read_options(std::vector<char*>& words, std::size_t start, Modes& modes) {
  words[start == 0 ? 0 : start - 1] = words[0];  // getopt begins behind the name of a program
  const int first = start == 0 ? 0 : static_cast<int>(start) - 1;
  const int count = static_cast<int>(words.size()) - 1 - first;
  char* const* argv = words.data() + first;
  optind = 0;
  opterr = 0;
  for (int option; (option = ::getopt_long(count, argv, kShort, kLong, nullptr)) != -1;) {
    if (option != '?') {
      take_option(option, modes);
      continue;
    }
    const std::string word = argv[optind - 1];
    if (optopt == 0 && word.find('=') == std::string::npos && optind < count && argv[optind][0] != '-') ++optind;
  }
  return static_cast<std::size_t>(first + optind);
}

}  // namespace

SrunOutput read_srun_output(const std::vector<std::string>& arguments, const std::function<std::optional<std::string>(const char*)>& variable) {
  Modes modes = from_environment(variable);
  std::vector<std::string> copy = arguments;
  std::vector<char*> words;
  for (std::string& word : copy) words.push_back(word.data());
  words.push_back(nullptr);
  for (std::size_t start = 0;;) {
    const std::size_t command = read_options(words, start, modes);
    const auto colon = std::find(arguments.begin() + static_cast<std::ptrdiff_t>(std::min(command, arguments.size())), arguments.end(), ":");
    if (colon == arguments.end()) break;
    start = static_cast<std::size_t>(colon - arguments.begin()) + 1;
  }
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
