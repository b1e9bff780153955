// See command_line.hpp.
// World: programs.
#include "cli/command_line.hpp"

#include <algorithm>
#include <sstream>

namespace stasis::cli {
namespace {

namespace po = boost::program_options;

constexpr const char* kOperand = "operand";

po::options_description describe_options(const Verb& verb) {
  po::options_description all("options");
  for (const Option* one : verb.options) {
    if (one->value == nullptr) all.add_options()(one->name, one->text);
    else all.add_options()(one->name, po::value<std::string>()->value_name(one->value), one->text);
  }
  all.add_options()(option::help.name, option::help.text);
  return all;
}

// Where the command begins: behind our own options, or behind the --. Its own options are not ours.
std::size_t length_of_options(const Verb& verb, const std::vector<std::string>& arguments) {
  std::size_t at = 0;
  while (at < arguments.size() && arguments[at].starts_with("--") && arguments[at] != "--") {
    const std::string name = arguments[at].substr(2);
    const bool has_value = std::any_of(verb.options.begin(), verb.options.end(), [&](const Option* one) { return one->value != nullptr && std::string(one->name).starts_with(name); });
    at += has_value ? 2 : 1;
  }
  return std::min(at, arguments.size());
}

}  // namespace

std::string Given::place() const {
  if (!words.empty() && has(option::dir.name)) throw po::error("both '" + words.front() + "' and --dir");
  if (!words.empty()) return words.front();
  const std::string directory = text(option::dir.name);
  return directory.empty() ? "stasis-store" : directory;
}

std::string synopsis(const Verb& verb) {
  std::string line = std::string("stasis ") + verb.name;
  const bool takes_operands = *verb.operands != '\0';
  if (takes_operands) line += std::string(" ") + verb.operands;
  for (const Option* one : verb.options) {
    if (one == &option::dir && takes_operands) continue;  // one of the operands
    line += std::string(" [--") + one->name + (one->value != nullptr ? std::string(" ") + one->value : "") + "]";
  }
  if (*verb.command != '\0') line += std::string(" ") + verb.command;
  return line;
}

std::string help_of(const Verb& verb) {
  std::ostringstream text;
  text << "usage: " << synopsis(verb) << "\n" << verb.summary << "\n\n" << describe_options(verb);
  return text.str();
}

Given parse(const Verb& verb, const std::vector<std::string>& arguments) {
  Given given;
  std::vector<std::string> ours = arguments;
  if (*verb.command != '\0') {
    const std::size_t length = length_of_options(verb, arguments);
    const std::size_t command = length < arguments.size() && arguments[length] == "--" ? length + 1 : length;
    given.command.assign(arguments.begin() + static_cast<std::ptrdiff_t>(command), arguments.end());
    ours.resize(length);
  }
  po::options_description all = describe_options(verb);
  all.add_options()(kOperand, po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add(kOperand, -1);
  po::store(po::command_line_parser(ours).options(all).positional(positional).run(), given.values);
  if (given.has(kOperand)) given.words = given.values[kOperand].as<std::vector<std::string>>();
  const std::size_t most = *verb.operands != '\0' ? 1 : 0;
  if (given.words.size() > most) throw po::error("too many operands: " + given.words[most]);
  return given;
}

}  // namespace stasis::cli
