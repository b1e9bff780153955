// Process 1 of the new namespace: it makes everything, lets it go, and then only reaps.
//
// World: programs, inside the new namespace.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "core/environment.hpp"
#include "core/store/manifest.hpp"
#include "restart_wrapper/namespace.hpp"
#include "restart_wrapper/site.hpp"

namespace stasis::restart {

struct FirstProcess {
  Identity identity;
  std::string store;                        // absolute
  std::string part = store_layout::kRootPart;  // of the computation
  store::Manifest manifest;                 // of the generation
  std::vector<std::string> coordinator;     // its program and arguments, without --ready-fd
  bool passes_streams = false;              // the coordinator gets stdio[1] and stdio[2] as descriptors 4 and 5 (its option --streams)
  bool share_session = false;
  bool has_terminal = false;                // share_session, and the restarter is in the foreground of its terminal
  std::array<int, 3> stdio{-1, -1, -1};
  int lock_fd = -1;                         // held open, so that the lock of the store is ours as long as the computation lives
};

// Runs process 1. Does not return. Tells the outer process through site.control_fd (control.hpp).
[[noreturn]] void run_first_process(Site& site, const FirstProcess& how);

}  // namespace stasis::restart
