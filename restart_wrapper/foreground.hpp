// Standing in for the program: what the outer process does while the program runs again.
//
// World: programs, the outer process.
#pragma once
#include <string>

#include "core/base/result.hpp"

namespace stasis::restart {

struct Outcome {
  bool restored = false;  // the program ran; otherwise `failure` says why the attempt ended
  int exit_status = 0;    // the program's own, 128+n for signal n
  Error failure;
};

struct Foreground {
  int control_fd = -1;          // control.hpp
  int first_process = 0;        // outer id of process 1
  bool share_session = false;   // signals of the terminal's keys reach the program anyway
  bool batch = false;           // notices of the batch system go to the coordinator
  std::string coordinator_socket;
  std::string computation;
};

// Blocks the signals that are passed on; before any fork, so that none is lost. Returns a descriptor for them (signalfd(2)). Errors: system.
Result<int> hold_signals();

// Waits for the attempt and then for the program's first process, passing signals on. Background processes may go on after it returns.
Outcome stand_in_for_program(const Foreground& how, int signal_fd);

}  // namespace stasis::restart
