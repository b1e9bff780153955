// An error as people see it: its text, what it concerns, the system's reason.
//
// World: programs and SPANK (the library writes its own lines without allocating, hijack/rt/log.hpp).
#pragma once
#include <cstring>
#include <string>

#include "core/base/result.hpp"

namespace stasis {

// "TEXT: DETAIL: REASON"; what there is of it.
inline std::string sentence(const Error& failure) {
  std::string line(describe(failure.code).text);
  if (!failure.detail.empty()) line += ": " + std::string(failure.detail.view());
  if (failure.sys_errno != 0) line += std::string(": ") + std::strerror(failure.sys_errno);
  return line;
}

// The same, and behind a semicolon what can be done about it.
inline std::string sentence_with_remedy(const Error& failure) {
  const std::string_view remedy = describe(failure.code).remedy;
  return remedy.empty() ? sentence(failure) : sentence(failure) + "; " + std::string(remedy);
}

}  // namespace stasis
