// Standing in for the program: what the outer process does while the program runs again.
//
// World: programs, the outer process.
#pragma once
#include <string>
#include <vector>

#include "core/base/result.hpp"

namespace stasis::restart {

struct Outcome {
  bool restored = false;  // the program ran; otherwise `failure` says why the attempt ended
  int exit_status = 0;    // the program's own, 128+n for signal n; 128+SIGINT when called off
  Error failure;
  bool called_off = false;  // a second SIGINT came while the attempt was running: nothing of the program has run, and nothing else is to be tried
  bool killed = false;      // the program, by a signal
};

// What has been sent to us and is for the program. It lives as long as `stasis restart`: a signal that came during one attempt is still there when
// the next one succeeds.
struct Signals {
  int fd = -1;            // signalfd(2), as long as the process
  std::vector<int> held;  // until there is a program; each number once, as the kernel keeps pending signals
};

struct Foreground {
  int control_fd = -1;          // control.hpp
  int first_process = 0;        // outer id of process 1
  bool in_namespace = true;     // everything ends with process 1
  bool share_session = false;   // signals of the terminal's keys reach the program anyway
  bool has_terminal = false;    // and we are in its foreground: it is the program's to set
  bool batch = false;           // notices of the batch system go to the coordinator
  std::string coordinator_socket;
  std::string computation;
};

// Blocks all signals; those that are passed on wait from here on until there is a program. Before any fork, so that none is lost. Errors: system.
Result<Signals> hold_signals();

// Waits for the attempt and then for the program's first process, passing signals on. Background processes may go on after it returns.
Outcome stand_in_for_program(const Foreground& how, Signals& signals);

}  // namespace stasis::restart
