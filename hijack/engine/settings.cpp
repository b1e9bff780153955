// Settings from the environment, see settings.hpp.
// World: hijack, start-up.
#include "hijack/engine/settings.hpp"

#include "core/environment.hpp"
#include "hijack/rt/text.hpp"

namespace stasis::hijack {

constinit Settings settings;
constinit FixedString<4095> inherited_variables;

void read_stdio(std::string_view value) noexcept {
  Text text(value);
  for (StdioIdentity& identity : settings.stdio) {
    identity.device = text.number(16);
    text.skip(1);
    identity.inode = text.number(16);
    text.skip(1);
  }
}

namespace {

constexpr std::string_view kPrefix = "STASIS_";
constexpr std::string_view kLibraryName = "/libstasis.so";
constexpr std::string_view kLaunchProxyName = "/stasis-launch-proxy";

// The entry of LD_PRELOAD that is this library. Entries are separated by colons or blanks (ld.so(8)).
void read_preload(std::string_view value) noexcept {
  while (!value.empty()) {
    const std::size_t end = value.find_first_of(": ");
    const std::string_view entry = value.substr(0, end);
    if (entry.ends_with(kLibraryName)) {
      settings.library = decltype(settings.library)(entry);
      settings.launch_proxy = decltype(settings.launch_proxy)(entry.substr(0, entry.size() - kLibraryName.size()));
      settings.launch_proxy.append(kLaunchProxyName);
    }
    value.remove_prefix(end == std::string_view::npos ? value.size() : end + 1);
  }
}

// "64M"; what is no size is 0, so that nothing is kept that nobody has asked for.
std::uint64_t read_size(std::string_view value) noexcept {
  Text text(value);
  const std::uint64_t number = text.number();
  if (text.done()) return number;
  const std::size_t unit = std::string_view("KMG").find(text.rest().front());
  return unit == std::string_view::npos || text.rest().size() != 1 ? 0 : number << (10 * (unit + 1));
}

void read_variable(std::string_view name, std::string_view value) noexcept {
  if (name == environment::kComputation) settings.computation = FixedString<48>(value);
  if (name == environment::kRunDirectory) settings.run_directory = FixedString<255>(value);
  if (name == environment::kStdio) read_stdio(value);
  if (name == environment::kBatch) settings.slurm = value == "slurm";
  if (name == environment::kFault) settings.fault = FixedString<63>(value);
  if (name == environment::kOutside) settings.refuses_outside = value == "refuse";
  if (name == environment::kKeepFiles) settings.keep_files = read_size(value);
  if (name == environment::kLog) settings.log = FixedString<255>(value);
}

}  // namespace

bool read_settings(const char* const* environment) noexcept {
  if (environment == nullptr) return false;
  for (; *environment != nullptr; ++environment) {
    const std::string_view variable(*environment);
    const std::size_t equals = variable.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = variable.substr(0, equals);
    if (name == environment::kPreload) read_preload(from(variable, equals + 1));
    if (!name.starts_with(kPrefix)) continue;
    read_variable(name, from(variable, equals + 1));
    if (inherited_variables.size() + variable.size() + 1 < inherited_variables.capacity())
      inherited_variables.append(variable).append(std::string_view("\0", 1));
  }
  return !settings.computation.empty() && !settings.run_directory.empty();
}

}  // namespace stasis::hijack
