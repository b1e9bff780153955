// By which numbers the program knows System V objects, and by which the kernel does: the door to their table (core/registry/system_v_table.hpp).
//
// As with ids (ids.hpp): the *program's* numbers are in what it gives and gets and in images, the *kernel's* in system calls. They differ only where a restart could not choose.
// World: hijack, any thread, also in signal handlers; no errno.
#pragma once
#include <cstdint>

#include "core/registry/system_v_table.hpp"

namespace stasis::hijack {

// The kernel's number for one that the program gives, which may be any; kNoObject if the program knows none by it.
std::int32_t kernels_number(image::SystemVKind kind, std::int32_t program) noexcept;
// The program's number for one that the kernel gives of an object that the program asks for, or works on: it is the computation's from now on.
std::int32_t programs_number(image::SystemVKind kind, std::int32_t kernel) noexcept;
// Likewise, but an object that is only looked at stays whosever it is.
std::int32_t shown_number(image::SystemVKind kind, std::int32_t kernel) noexcept;

// The object's key, which the kernel does not know where the table tells keys; 0 (IPC_PRIVATE) if it has none.
std::int32_t programs_key(image::SystemVKind kind, std::int32_t program) noexcept;

// What a key leads to, where the table tells.
struct KeyAnswer {
  std::int32_t number = -1;                // of the object that is there, by the program's number; else
  SystemVTable::Keyed* entry = nullptr;    // it is to be made by the caller, who enters it here; else
  int reason = 0;                          // errno
};
// For who asks for the object with `key`, which is not IPC_PRIVATE, and if there is none makes it or does not (IPC_CREAT). Nobody else makes it until the entry has its object, or 0 if making has failed:
// to be called, and that to be done, in an Unstopped moment.
KeyAnswer ask_for_key(image::SystemVKind kind, std::int32_t key, bool makes) noexcept;

}  // namespace stasis::hijack
