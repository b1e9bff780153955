// Notices of the batch system: the signals by which Slurm says that a job is about to be ended.
//
// In a direct child of slurmstepd (the batch shell, a task) SIGTERM and SIGURG from slurmstepd are offered to the coordinator first. If it takes a
// last checkpoint the program never sees them; otherwise they are delivered as the program asked. The program's own actions for the two
// are kept here and read back as it set them. A program that ignores one of them gets its will: the kernel ignores it, so that its
// children inherit that.
// World: hijack.
#pragma once
#include <signal.h>

namespace stasis::hijack {

// At start-up, if STASIS_BATCH says so and our parent is slurmstepd.
void install_notice_handlers() noexcept;

// Whether the program's action for `signal` is kept here. Any thread, also in signal handlers.
bool keeps_action(int signal) noexcept;
// Whether a signal that was pending when the image was written is a notice: it spoke of the end of the job's run that the image comes from, and the image is
// the answer to it.
bool is_old_notice(const siginfo_t& info) noexcept;
// sigaction(2) for such a signal.
int set_kept_action(int signal, const struct sigaction* action, struct sigaction* old) noexcept;

}  // namespace stasis::hijack
