// `stasis restart`: brings the processes of one part of a generation back and stands in for the program until it ends.
//
// The one function of this room for the outside. It thinks in the caller's process (choose a generation, check everything that can
// be checked) and acts in a namespace of its own, so that an attempt that fails leaves nothing behind.
// World: programs. The caller must be single-threaded: the process is forked as it is.
#pragma once
#include <cstdint>
#include <string>

#include "core/environment.hpp"

namespace stasis::restart {

struct Options {
  std::string store;             // directory of the store
  std::string part = store_layout::kRootPart;  // what of it; another part comes back under the root coordinator that is bringing the computation back
  std::uint64_t generation = 0;  // 0: the newest that holds; of another part than the root's it is the root's choice
  bool dry_run = false;          // print the process tree and the plans to standard output, touch nothing
  std::string interval;          // passed to the coordinator as it is ("30s"); empty: none
  std::string keep;              // passed to the coordinator as it is; empty: its default
};

// Returns the exit status for the program `stasis`: the restored program's own (128+n when signal n ended it), or the one of errors.def
// after one line on standard error.
int run(const Options& options);

}  // namespace stasis::restart
