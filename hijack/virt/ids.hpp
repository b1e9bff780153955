// As whom the program knows tasks, and as whom the kernel does: the door to the id table (core/registry/id_table.hpp) for all wrappers.
//
// Two kinds of numbers that must not be mixed up: what the program gives and gets (*program's* ids, in images too), and what system calls take and give
// (*kernel's* ids: the library's own calls, the member table and the coordinator use these alone). Without a table they are the same, and a wrapper costs a look at one word.
// World: hijack, any thread, also in signal handlers and between vfork and exec; no errno.
#pragma once
#include <cstdint>

namespace stasis::hijack {

// Maps the table of the run directory; to be called when the member table is mapped and says that there is one. Errors: false if it is not there.
bool map_ids() noexcept;
// Forgets a table that was mapped before a restart: its memory is not there any more.
void forget_ids() noexcept;
// Where it is mapped, null if it is not.
void* ids_address() noexcept;

bool ids_are_virtual() noexcept;
// How often this process has been brought back.
std::uint64_t restart_count() noexcept;

// The kernel's id for one that the program gives: of a task, a group or a session. 0 and -1 stay what they are; others below 0 name groups by their positive ids, and so does what
// is returned. kNobody, negative for a group, if the program knows nobody by that id.
std::int32_t kernels_id(std::int32_t id) noexcept;
// The program's id for one that the kernel gives; 0 and what is below stay.
std::int32_t programs_id(std::int32_t id) noexcept;
// Likewise for one that names a group by a negative number (F_GETOWN of fcntl(2)).
inline std::int32_t programs_owner(std::int32_t owner) noexcept { return owner < 0 ? -programs_id(-owner) : programs_id(owner); }

// When a task begins that the kernel has given an id which another one had: what the table says of that one is forgotten. To be asked for before the call that makes a
// task, in whichever unit it is given to newborn_id; it knows whether a restart has come between the two.
std::uint64_t birth_time() noexcept;
// Whether the kernel's id is in the table.
bool has_entry(std::int32_t kernels) noexcept;
// The program's id of a task that was made since `since`, as its parent and itself may ask both.
std::int32_t newborn_id(std::int32_t kernels, std::uint64_t since) noexcept;
// Likewise, of a task that began at `born_ms` of CLOCK_BOOTTIME.
std::int32_t born_id(std::int32_t kernels, std::uint64_t born_ms) noexcept;
// Somebody has waited for the process, which is gone now. Its id as a group's stays as long as there is one.
void forget_id(std::int32_t kernels) noexcept;
// Enters that the program knows the kernel's `kernels` as `programs`: a thread that was brought back.
void enter_id(std::int32_t programs, std::int32_t kernels) noexcept;

}  // namespace stasis::hijack
