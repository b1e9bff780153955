// System V objects, made again: under their old numbers in the IPC namespace that a restart has for them; where it has none, under others, which the library translates
// (core/registry/system_v_table.hpp).
//
// World: programs, the first process of an attempt.
#pragma once
#include "restart_wrapper/site.hpp"

namespace stasis::restart {

// Whether the computation has any.
bool has_system_v(const Computation& computation);

// Makes them all and enters them in the table of the run directory: semaphores with the values that undoing is counted in, queues with their messages, segments filled and attached from `cursor` on, in the
// place for shared memory; `cursor` is moved behind them. Errors: restore_failed, system, image_damaged; what has been made is for discard_system_v then.
Status recreate_system_v(Site& site, std::uint64_t& cursor);

// All processes are there, and have inherited the segments, by which those that were removed already live on until the processes have attached them where they belong: this
// one lets go.
void release_system_v(const Site& site);

// The attempt has failed: takes away what was made outside of a namespace, where nobody would.
void discard_system_v(const Site& site);

}  // namespace stasis::restart
