// `stasis restart`: brings the processes of one generation back and stands in for the program until it ends.
//
// The one function of this room for the outside. It thinks in the caller's process (choose a generation, check everything that can
// be checked) and acts in a namespace of its own, so that an attempt that fails leaves nothing behind.
// World: programs. The caller must be single-threaded: the process is forked as it is.
#pragma once
#include <cstdint>
#include <string>

namespace stasis::restart {

struct Options {
  std::string store;             // directory of the store
  std::uint64_t generation = 0;  // 0: the newest that holds
  bool dry_run = false;          // print the process tree and the plans to standard output, touch nothing
  std::string interval;          // passed to the coordinator as it is ("30s"); empty: none
  std::string keep;              // passed to the coordinator as it is; empty: its default
};

// Returns the exit status for the program `stasis`: the restored program's own (128+n when signal n ended it), or the one of errors.def
// after one line on standard error.
int run(const Options& options);

}  // namespace stasis::restart
