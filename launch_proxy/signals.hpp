// Signals: what is sent to the proxy is sent on to srun, by the handler itself, so that nothing that the proxy waits for delays it.
//
// Passed on are the signals that srun reacts to. Of the others those that end a process end the proxy, and by that srun; those that stop one stop
// the proxy alone, as they would have stopped srun, while srun's output waits in its pipes.
// Once only: srun is in a process group of its own, so that a signal to the job's group reaches only the proxy. Where srun needs the terminal it
// must be in the terminal's foreground group with the proxy; then keys reach both, and the proxy keeps what the kernel sends to itself.
// World: programs, one thread. SIGCHLD is blocked but where mask_while_waiting() is in force.
#pragma once
#include <signal.h>
#include <sys/types.h>

#include <vector>

namespace stasis::launch_proxy {

// What srun must find as the proxy found it.
struct InheritedSignals {
  sigset_t mask;
  std::vector<int> ignored;
};

// Installs the handlers. From here on signals are kept for the first srun.
InheritedSignals catch_signals();
// From now on to this child; what was kept goes to it now.
void pass_signals_to(pid_t child, bool shares_group);
// The proxy's own end, or what it still has to write, is nobody else's: signals act on it as on any program.
void release_signals(const InheritedSignals& inherited);
// The mask for ppoll(2) in which a child's end interrupts.
const sigset_t& mask_while_waiting();

}  // namespace stasis::launch_proxy
