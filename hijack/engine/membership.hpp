// This process's slot in the member table (core/registry/member_table.hpp): the one thing that we keep up to date all the time.
//
// World: hijack, any thread, also between vfork and exec.
#pragma once
#include <cstdint>

#include "core/registry/member_table.hpp"

namespace stasis::hijack {

// Maps the table of the run directory; false if the computation is gone. At `address` if it is not null (after a restart).
bool map_members(void* address) noexcept;
// Where the table is mapped, null if it is not.
void* members_address() noexcept;

// Whether there is an id table beside it (hijack/virt/ids.hpp).
bool ids_of_members_are_virtual() noexcept;
// How far the program's clocks are ahead of the machine's, as the member table says.
ClockOffsets offsets_of_members() noexcept;

// The System V objects of the computation (hijack/virt/system_v_numbers.hpp). Any thread.
SystemVTable system_v_of_members() noexcept;

// What the slot of `pid` says, if it was written by a process that started no earlier than `started_us` after boot.
MemberState read_slot(std::int32_t pid, std::uint64_t started_us) noexcept;
// Writes the slot of the calling process.
void write_slot(MemberState state) noexcept;
// Remembers that the calling process is a member, as opposed to a vfork child that only borrows its memory.
void become_member() noexcept;
bool is_member_process() noexcept;

}  // namespace stasis::hijack
