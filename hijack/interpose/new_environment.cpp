// Merging environments, see new_environment.hpp.
// World: hijack.
#include "hijack/interpose/new_environment.hpp"

#include <cstring>
#include <string_view>

#include "core/environment.hpp"
#include "hijack/engine/settings.hpp"

namespace stasis::hijack {
namespace {

constexpr std::string_view kPreload = "LD_PRELOAD=";

// Calls visit(variable) for each "NAME=value" that a program must inherit.
template <class Visit>
void for_each_inherited(Visit&& visit) noexcept {
  const char* next = inherited_variables.c_str();
  const char* end = next + inherited_variables.size();
  for (; next < end; next += std::strlen(next) + 1) visit(next);
}

bool same_name(const char* a, const char* b) noexcept {
  while (*a == *b && *a != '=' && *a != '\0') ++a, ++b;
  return *a == '=' && *b == '=';
}

// Who the computation is: no program can choose that for another one. Launchers of parallel programs hand the environment of another node's part on to their ranks.
bool is_identity(const char* variable) noexcept {
  for (const char* name : {environment::kComputation, environment::kRunDirectory, environment::kStdio}) {
    const std::size_t length = std::strlen(name);
    if (std::strncmp(variable, name, length) == 0 && variable[length] == '=') return true;
  }
  return false;
}

// Whether the new program gets `variable`, or one of that name which may stand in its place.
bool has(char* const* environment, const char* variable) noexcept {
  for (; environment != nullptr && *environment != nullptr; ++environment)
    if (same_name(*environment, variable) && (!is_identity(variable) || std::string_view(*environment) == variable)) return true;
  return false;
}

// Whether it is of another computation, or of another part of ours.
bool is_foreign(const char* variable) noexcept {
  bool foreign = is_identity(variable);
  for_each_inherited([&](const char* own) { foreign = foreign && std::string_view(own) != variable; });
  return foreign;
}

// The value of LD_PRELOAD, null if there is none.
const char* preload_of(char* const* environment) noexcept {
  for (; environment != nullptr && *environment != nullptr; ++environment)
    if (std::strncmp(*environment, kPreload.data(), kPreload.size()) == 0) return *environment + kPreload.size();
  return nullptr;
}

bool is_preloaded(char* const* environment) noexcept {
  const char* value = preload_of(environment);
  return value != nullptr && std::string_view(value).find(settings.library.view()) != std::string_view::npos;
}

}  // namespace

std::size_t merge_size(char* const* environment) noexcept {
  if (settings.standing != Standing::member || settings.library.empty()) return 0;
  std::size_t missing = 0, count = 0;
  bool foreign = false;
  for_each_inherited([&](const char* variable) { missing += has(environment, variable) ? 0 : 1; });
  for (; environment != nullptr && environment[count] != nullptr; ++count) foreign = foreign || is_foreign(environment[count]);
  if (missing == 0 && !foreign && is_preloaded(environment)) return 0;
  const char* preload = preload_of(environment);
  const std::size_t text = kPreload.size() + settings.library.size() + 2 + (preload == nullptr ? 0 : std::strlen(preload));
  return (count + missing + 2) * sizeof(char*) + text;
}

char* const* merge_environment(char* const* environment, void* place) noexcept {
  auto** merged = static_cast<char**>(place);
  std::size_t count = 0, missing = 0;
  while (environment != nullptr && environment[count] != nullptr) ++count;
  for_each_inherited([&](const char* variable) { missing += has(environment, variable) ? 0 : 1; });
  auto* text = reinterpret_cast<char*>(merged + count + missing + 2);
  std::size_t next = 0;

  const char* preload = preload_of(environment);
  if (!is_preloaded(environment)) {
    merged[next++] = text;
    std::memcpy(text, kPreload.data(), kPreload.size());
    text += kPreload.size();
    std::memcpy(text, settings.library.c_str(), settings.library.size() + 1);
    text += settings.library.size();
    if (preload != nullptr && *preload != '\0') {
      *text++ = ':';
      std::memcpy(text, preload, std::strlen(preload) + 1);
    }
    preload = nullptr;
  }
  for (std::size_t i = 0; i != count; ++i)
    if (!is_foreign(environment[i]) && (preload != nullptr || std::strncmp(environment[i], kPreload.data(), kPreload.size()) != 0)) merged[next++] = environment[i];
  for_each_inherited([&](const char* variable) {
    if (!has(environment, variable)) merged[next++] = const_cast<char*>(variable);
  });
  merged[next] = nullptr;
  return merged;
}

}  // namespace stasis::hijack
