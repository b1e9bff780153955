// What each verb takes, in one description: from it come the reading of a command line, the synopses and the help.
//
// tests/checks/manuals compares the help with stasis(1).
// World: programs.
#pragma once
#include <boost/program_options.hpp>
#include <string>
#include <vector>

namespace stasis::cli {

struct Option {
  const char* name;   // without the dashes
  const char* value;  // as the synopsis calls it; null for an option without a value
  const char* text;
};

// What a user gave to a verb.
class Given {
 public:
  boost::program_options::variables_map values;
  std::vector<std::string> words;    // operands before --
  std::vector<std::string> command;  // after --, or from the first operand on, for verbs that take a command

  bool has(const char* name) const { return values.count(name) != 0; }
  std::string text(const char* name) const { return has(name) ? values[name].as<std::string>() : ""; }
  // The store or image: an operand, the value of --dir, or the default.
  std::string place() const;
};

struct Verb {
  const char* name;
  const char* summary;  // a sentence
  const char* operands;  // for the synopsis, before the options; empty if there is none
  const char* command;   // for the synopsis, after the options; empty if the verb takes no command
  std::vector<const Option*> options;
  int (*run)(const Given&);
};

// The options, each described once; --help is every verb's.
namespace option {
inline constexpr Option dir{"dir", "DIR", "the store; where one is needed and none is given, stasis-store in the current directory"};
inline constexpr Option interval{"interval", "TIME", "take a checkpoint whenever TIME has passed since the one before: 90s, 30m, 2h, 1d or Slurm's form"};
inline constexpr Option keep{"keep", "N", "keep the newest N generations; 2 if not given"};
inline constexpr Option generation{"generation", "N", "restart from generation N and from no other"};
inline constexpr Option part{"part", "NAME", "for a step of a batch job: bring this part back, under the restart that is going on"};
inline constexpr Option exit{"exit", nullptr, "end the computation when the checkpoint is committed"};
inline constexpr Option dry_run{"dry-run", nullptr, "show what would be done, and do nothing"};
inline constexpr Option json{"json", nullptr, "print JSON, for scripts"};
inline constexpr Option help{"help", nullptr, "print this"};
}  // namespace option

// "stasis VERB ..." in one line.
std::string synopsis(const Verb& verb);
std::string help_of(const Verb& verb);
// Throws boost::program_options::error. When --help is given nothing else is asked for.
Given parse(const Verb& verb, const std::vector<std::string>& arguments);

}  // namespace stasis::cli
