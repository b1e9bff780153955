// See srun_nodes.hpp.
// World: programs.
#include "launch_proxy/srun_nodes.hpp"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>

#include "launch_proxy/srun_options.hpp"

extern char** environ;

namespace stasis::launch_proxy {
namespace {

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

// srun takes a list with a slash for the name of a file of names.
std::vector<std::string> names_in(const std::string& value, const Expand& expand) {
  if (value.find('/') == std::string::npos) return expand(value);
  std::ifstream file(value);
  std::vector<std::string> names;
  for (std::string word; file >> word;)
    for (const std::string& name : expand(word)) names.push_back(name);
  return names;
}

}  // namespace

std::vector<std::string> expand_by_scontrol(const std::string& list) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::string words[] = {"scontrol", "show", "hostnames", list};
  char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
  pid_t child = -1;
  const int failed = ::posix_spawnp(&child, "scontrol", &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  std::string text;
  char bytes[4096];
  for (ssize_t got; failed == 0 && (got = ::read(ends[0], bytes, sizeof bytes)) != 0;) {
    if (got > 0) text.append(bytes, static_cast<std::size_t>(got));
    else if (errno != EINTR) break;
  }
  ::close(ends[0]);
  int status = 0;
  if (failed != 0) return {};
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status == 0 ? words_of(text) : std::vector<std::string>();
}

std::vector<std::string> on_new_nodes(const std::vector<std::string>& arguments, const std::string& old_list, const std::string& new_list, const Expand& expand) {
  std::vector<std::string> changed = arguments;
  if (old_list.empty() || new_list.empty() || old_list == new_list) return changed;
  std::vector<std::string> old_names, new_names;
  // From the last to the first: two options may share a word with nothing but the places of their values.
  const std::vector<SrunOption> options = read_srun_options(arguments);
  for (auto option = options.rbegin(); option != options.rend(); ++option) {
    if ((option->letter != 'w' && option->letter != 'x') || option->word >= changed.size()) continue;
    if (old_names.empty()) old_names = expand(old_list), new_names = expand(new_list);
    std::string list;
    for (const std::string& name : names_in(option->value, expand)) {
      const auto place = static_cast<std::size_t>(std::find(old_names.begin(), old_names.end(), name) - old_names.begin());
      list += (list.empty() ? "" : ",") + (place < std::min(old_names.size(), new_names.size()) ? new_names[place] : name);
    }
    if (!list.empty()) changed[option->word].replace(option->at, option->value.size(), list);
  }
  return changed;
}

}  // namespace stasis::launch_proxy
