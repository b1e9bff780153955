// System V objects, made again under their old numbers in the IPC namespace that a restart has for them.
//
// World: programs, the first process of the new namespace.
#pragma once
#include "restart_wrapper/site.hpp"

namespace stasis::restart {

// Whether the computation has any.
bool has_system_v(const Computation& computation);

// Makes them all: semaphores with the values that undoing is counted in, queues with their messages, segments filled and attached from `cursor` on, in the place for
// shared memory; `cursor` is moved behind them. Errors: restore_failed, system, image_damaged.
Status recreate_system_v(Site& site, std::uint64_t& cursor);

// All processes are there, and have inherited the segments, by which those that were removed already live on until the processes have attached them where they belong: this
// one lets go.
void release_system_v(const Site& site);

}  // namespace stasis::restart
