// Merging our library into the user's LD_PRELOAD and taking it out again.
//
// World: SPANK.
#include "spank_plugin/preload.hpp"

namespace stasis::spank {
namespace {
constexpr std::string_view kSeparators = ": ";
constexpr std::string_view kLibraryName = "libstasis.so";
}  // namespace

std::string without_library(std::string_view list) {
  std::string rest;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find_first_of(kSeparators), list.size());
    const std::string_view entry = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    const std::size_t slash = entry.rfind('/');
    const std::string_view name = slash == std::string_view::npos ? entry : entry.substr(slash + 1);
    if (entry.empty() || name == kLibraryName) continue;
    if (!rest.empty()) rest += ':';
    rest += entry;
  }
  return rest;
}

std::string with_library(std::string_view library, std::string_view list) {
  const std::string others = without_library(list);
  return others.empty() ? std::string(library) : std::string(library) + ":" + others;
}

}  // namespace stasis::spank
