// The store of one computation on disk, as the coordinator writes it (layout: core/environment.hpp, docs/ARCHITECTURE.md).
//
// World: programs.
#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/base/result.hpp"
#include "core/store/manifest.hpp"

namespace stasis::coordinator {

class Store {
 public:
  // Opens the store at `directory`, making it (0700) if there is nothing or an empty directory. A store gets an identity once.
  // Errors: not_a_store, foreign_store, store_used (fresh and it holds generations), store_busy (its coordinator answers).
  static Result<Store> open(const std::string& directory, bool restored, const std::string& command);

  const std::string& directory() const { return directory_; }
  const std::string& computation() const { return computation_; }

  // The number after the highest that has a directory, committed or not.
  std::uint64_t next_generation() const;
  // Makes the directory of a generation; each node makes one in it for its part.
  Status begin_generation(std::uint64_t generation) const;
  // Makes the generation exist: the manifest is renamed into place last. The nodes have made their images durable before (sync_part).
  // What the manifest says of computation, time and host is filled in here.
  Status commit(store::Manifest manifest) const;
  void remove_generation(std::uint64_t generation) const;
  // Removes all but the newest `keep` committed generations, uncommitted ones before the newest committed one, and the logs of parts that are in no
  // generation that stays; but not of those in `running`, whose coordinators write them.
  void prune(std::uint64_t keep, const std::vector<std::string>& running) const;
  std::vector<std::uint64_t> committed() const;

  // DIR/coordinator: where the running coordinator is, and the key; mode 0600. `port` is where nodes connect to, 0 for nowhere;
  // `restored` the generation that is being brought back, 0 for none.
  Status publish(const std::string& key, const std::string& socket, std::uint16_t port, std::uint64_t restored);
  // Once: as soon as it is gone another coordinator may publish itself.
  void retract();

 private:
  void prune_logs(std::set<std::string> wanted) const;

  bool is_published_ = false;
  std::string directory_;
  std::string computation_;
};

// Where the root coordinator of a store is, as it has published it.
struct RootAddress {
  std::string store;        // absolute
  std::string computation;
  std::string key;
  std::string host;
  std::uint16_t port = 0;
};
// Errors: no_store, no_coordinator.
Result<RootAddress> read_root_address(const std::string& store);

// Makes the images of one node durable, their directory, and the program's own files that they name (written_files.hpp). Blocks while data goes to disk.
Status sync_part(const std::vector<store::ManifestImage>& images);

}  // namespace stasis::coordinator
