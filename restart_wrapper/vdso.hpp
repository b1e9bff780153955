// Making the code of another kernel's vdso lead into the live one.
//
// The program holds addresses of functions in the vdso that it had (glibc keeps them, mangled, in its data). When the vdso of
// this machine is another one, the old one's text is put back at its old addresses and each of its functions is overwritten by a jump
// to the function of the same name in the live vdso, or, if that has none, by `return -ENOSYS`, on which glibc makes the system call.
// World: programs.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace stasis::restart {

// The text `old_text`, a complete ELF image as the kernel maps it, redirected to the vdso `live_text`, which is at `live_address` when the program
// runs. Errors: restore_failed when one of them is no ELF image with symbols or a function is too small for a jump.
Result<std::string> redirected_vdso(std::string_view old_text, std::string_view live_text, std::uint64_t live_address);

}  // namespace stasis::restart
