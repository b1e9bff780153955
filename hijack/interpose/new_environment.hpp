// The environment that a new program gets: the caller's, with this library and the computation's variables in it.
//
// World: hijack, any thread, also between vfork and exec: no allocation but on the caller's stack.
#pragma once
#include <cstddef>

namespace stasis::hijack {

// Bytes that merge_environment needs for this environment; 0 if it can be used as it is (nearly always).
std::size_t merge_size(char* const* environment) noexcept;

// Writes the merged environment into `place`. An LD_PRELOAD of the user's own stays, behind ours.
char* const* merge_environment(char* const* environment, void* place) noexcept;

}  // namespace stasis::hijack

// The merged form of `environment`, alive as long as the calling function's frame.
#define STASIS_MERGED(environment)                                                                      \
  (::stasis::hijack::merge_size(environment) == 0                                                       \
       ? (environment)                                                                                  \
       : ::stasis::hijack::merge_environment(environment, __builtin_alloca(::stasis::hijack::merge_size(environment))))
