// Who is to be notified of a message in a POSIX message queue (mq_notify(3)). The kernel tells the process, the kind and the signal, but neither the value that goes with it nor what a
// thread is to be started for (SIGEV_THREAD): that is noted when it is given.
//
// SIGEV_THREAD is the C library's: the kernel sends a *cookie*, which tells the function and its argument, to a netlink socket, which a thread of the library's own reads. Both come back as
// any socket and thread do.
// World: hijack. Noting: any thread, also in signal handlers. The others: leader, all threads parked.
#pragma once
#include <signal.h>

#include <cstdint>

#include "core/base/result.hpp"
#include "hijack/engine/descriptors.hpp"
#include "hijack/rt/arena.hpp"

namespace stasis::hijack {

// Before mq_notify(3); then, with what was returned, whether it has succeeded.
std::uint32_t note_registration(int queue, const sigevent& event) noexcept;
void confirm_registration(std::uint32_t note, bool succeeded) noexcept;

// Finds out what this process is registered for, and keeps it in its memory. Errors: system; unsupported, what cannot be brought back.
Status save_registrations(const Descriptors& all, Arena& arena) noexcept;
// In a restored process that closes no descriptor of a queue any more: registers again. Errors: system.
Status take_registrations() noexcept;

}  // namespace stasis::hijack
