// Merging our library into a user's LD_PRELOAD and taking it out again.
//
// World: programs and SPANK.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>

namespace stasis {

// `list` without libstasis.so, whatever its directory; entries are separated by colons or blanks (ld.so(8)).
inline std::string without_library(std::string_view list) {
  std::string rest;
  while (!list.empty()) {
    const std::size_t end = std::min(list.find_first_of(": "), list.size());
    const std::string_view entry = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    const std::size_t slash = entry.rfind('/');
    const std::string_view name = slash == std::string_view::npos ? entry : entry.substr(slash + 1);
    if (entry.empty() || name == "libstasis.so") continue;
    if (!rest.empty()) rest += ':';
    rest += entry;
  }
  return rest;
}

// `list` with `library` in front, and no other of ours.
inline std::string with_library(std::string_view library, std::string_view list) {
  const std::string others = without_library(list);
  return others.empty() ? std::string(library) : std::string(library) + ":" + others;
}

}  // namespace stasis
