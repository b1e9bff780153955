// Which generation to restart from.
//
// World: programs.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "restart_wrapper/computation.hpp"

namespace stasis::restart {

struct Generation {
  std::uint64_t number = 0;
  std::vector<ImageFile> images;  // with absolute paths
  int root = 0;                   // pid of the program's first process, 0 if the manifest does not say
};

// Whether `directory` is a store of this user. Errors: no_store, foreign_store.
Status check_store(const std::string& directory);

// The committed generations of the store at `directory` whose manifests can be read, newest first. For each manifest that is damaged a line goes to
// standard error. `wanted` != 0: that one only. Errors: no_generation, manifest_damaged (nothing else is left).
Result<std::vector<Generation>> candidates(const std::string& directory, std::uint64_t wanted);

// Refuses when the coordinator that the store names answers on this node. A file left by one that is gone, or that was on a node that is gone, is no
// hindrance; one that is just ending is waited for. Errors: still_running.
Status check_not_running(const std::string& directory);

}  // namespace stasis::restart
