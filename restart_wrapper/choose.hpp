// Which generation to restart from, and what of it.
//
// World: programs.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/store/manifest.hpp"
#include "restart_wrapper/computation.hpp"

namespace stasis::restart {

// One part (core/store/manifest.hpp) of a generation.
struct Generation {
  std::uint64_t number = 0;
  std::string computation;
  std::vector<ImageFile> images;     // with absolute paths
  std::vector<ImageFile> elsewhere;  // those of the other parts
  store::ManifestPart part;          // its first process is 0 if the manifest does not say
  store::Manifest manifest;          // of all parts
};

// Whether `directory` is a store of this user. Errors: no_store, foreign_store.
Status check_store(const std::string& directory);

// The committed generations of the store at `directory` whose manifests can be read, newest first. For each manifest that is damaged a line goes to
// standard error. `wanted` != 0: that one only. Errors: no_generation, manifest_damaged (nothing else is left).
Result<std::vector<Generation>> candidates(const std::string& directory, std::uint64_t wanted, const std::string& part);

// The generation that the store's root coordinator is bringing back: the other parts have no choice. Errors: no_coordinator.
Result<std::uint64_t> restored_generation(const std::string& directory);

// The key of the running computation. Errors: no_coordinator.
Result<std::string> key_of(const std::string& directory);

// Refuses when the coordinator of `part` of the store's computation answers on this node, be it for another store, of which this one is a copy. A file left by one that
// is gone, or that was on a node that is gone, is no hindrance; one that is just ending is waited for. Errors: still_running.
Status check_not_running(const std::string& directory, const std::string& part);

}  // namespace stasis::restart
