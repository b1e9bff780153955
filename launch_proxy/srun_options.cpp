// See srun_options.hpp.
// World: programs.
#include "launch_proxy/srun_options.hpp"

#include <getopt.h>

#include <algorithm>

namespace stasis::launch_proxy {
namespace {

// srun(1) of Slurm 22.05, and the few options of later releases that take no word of their own.
constexpr const char* kShort = "+A:b:B:c:C:d:D:e:EF:G:hHi:I::J:k::K::lL:m:M:n:N:o:Op:q:Qr:sS:t:T:uU:vVw:W:x:XZ";
constexpr int kOther = 1000;
constexpr option kLong[] = {
    {"output", required_argument, nullptr, 'o'},
    {"error", required_argument, nullptr, 'e'},
    {"input", required_argument, nullptr, 'i'},
    {"label", no_argument, nullptr, 'l'},
    {"unbuffered", no_argument, nullptr, 'u'},
    {"nodelist", required_argument, nullptr, 'w'},
    {"exclude", required_argument, nullptr, 'x'},
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

// The options of one component; returns where its command begins.
std::size_t read_component(std::vector<char*>& words, std::size_t start, const std::vector<std::string>& copy, std::vector<SrunOption>& found) {
  words[start == 0 ? 0 : start - 1] = words[0];  // getopt begins behind the name of a program
  const int first = start == 0 ? 0 : static_cast<int>(start) - 1;
  const int count = static_cast<int>(words.size()) - 1 - first;
  char* const* argv = words.data() + first;
  optind = 0;
  opterr = 0;
  for (int letter; (letter = ::getopt_long(count, argv, kShort, kLong, nullptr)) != -1;) {
    if (letter != '?') {
      SrunOption option{letter, optarg == nullptr ? "" : optarg, copy.size(), 0};
      for (std::size_t i = 0; optarg != nullptr && i != copy.size(); ++i) {
        if (optarg < copy[i].data() || optarg > copy[i].data() + copy[i].size()) continue;
        option.word = i, option.at = static_cast<std::size_t>(optarg - copy[i].data());
      }
      found.push_back(option);
      continue;
    }
    const std::string word = argv[optind - 1];
    if (optopt == 0 && word.find('=') == std::string::npos && optind < count && argv[optind][0] != '-') ++optind;
  }
  return static_cast<std::size_t>(first + optind);
}

}  // namespace

std::vector<SrunOption> read_srun_options(const std::vector<std::string>& arguments) {
  std::vector<SrunOption> found;
  std::vector<std::string> copy = arguments;
  std::vector<char*> words;
  for (std::string& word : copy) words.push_back(word.data());
  words.push_back(nullptr);
  for (std::size_t start = 0;;) {
    const std::size_t command = read_component(words, start, copy, found);
    const auto colon = std::find(arguments.begin() + static_cast<std::ptrdiff_t>(std::min(command, arguments.size())), arguments.end(), ":");
    if (colon == arguments.end()) return found;
    start = static_cast<std::size_t>(colon - arguments.begin()) + 1;
  }
}

}  // namespace stasis::launch_proxy
