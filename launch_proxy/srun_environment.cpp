// See srun_environment.hpp.
// World: programs.
#include "launch_proxy/srun_environment.hpp"

#include <algorithm>

#include "core/environment.hpp"
#include "core/preload.hpp"

namespace stasis::launch_proxy {
namespace {

std::string_view name_of(std::string_view variable) { return variable.substr(0, variable.find('=')); }

void unset(std::vector<std::string>& environment, std::string_view name) {
  std::erase_if(environment, [&](const std::string& variable) { return name_of(variable) == name; });
}

void set(std::vector<std::string>& environment, std::string variable) {
  const auto same = std::find_if(environment.begin(), environment.end(), [&](const std::string& one) { return name_of(one) == name_of(variable); });
  if (same != environment.end())
    *same = std::move(variable);
  else
    environment.push_back(std::move(variable));
}

std::string assign(const char* name, std::string_view value) { return std::string(name) + "=" + std::string(value); }

}  // namespace

std::vector<std::string> srun_environment(const char* const* own, const Launch& launch, std::string_view allocation) {
  namespace names = stasis::environment;
  std::vector<std::string> environment;
  for (; *own != nullptr; ++own) environment.emplace_back(*own);
  for (const char* name :
       {names::kComputation, names::kRunDirectory, names::kStdio, names::kBatch, names::kLaunchAgain, names::kLaunchUndrained, names::kLaunchStore}) {
    unset(environment, name);
  }
  for (std::string& variable : environment) {
    if (name_of(variable) == names::kPreload) variable = assign(names::kPreload, without_library(variable.substr(name_of(variable).size() + 1)));
  }
  std::erase(environment, assign(names::kPreload, ""));
  while (!allocation.empty()) {
    const std::size_t end = std::min(allocation.find('\0'), allocation.size());
    const std::string_view variable = allocation.substr(0, end);
    allocation.remove_prefix(std::min(end + 1, allocation.size()));
    if (variable.find('=') != std::string_view::npos) set(environment, std::string(variable));
  }
  set(environment, assign(names::kLaunch, launch.id));
  if (!launch.store.empty()) set(environment, assign(names::kLaunchStore, launch.store));
  if (!launch.undrained.empty()) set(environment, assign(names::kLaunchUndrained, launch.undrained));
  if (launch.again) set(environment, assign(names::kLaunchAgain, "1"));
  return environment;
}

}  // namespace stasis::launch_proxy
