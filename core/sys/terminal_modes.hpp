// A terminal's modes as the kernel has them: struct termios2 of <asm/termbits.h>, which cannot be included together with <termios.h>.
//
// World: all (x86-64).
#pragma once
#include <sys/syscall.h>

#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/sys/syscall.hpp"

namespace stasis::sys {

struct TerminalModes {
  std::uint32_t input = 0, output = 0, control = 0, local = 0;
  std::uint8_t discipline = 0;
  std::uint8_t keys[19] = {};
  std::uint32_t input_speed = 0, output_speed = 0;

  std::string_view bytes() const noexcept { return {reinterpret_cast<const char*>(this), sizeof *this}; }
  // False if `bytes` are not modes.
  bool take(std::string_view bytes) noexcept {
    if (bytes.size() != sizeof *this) return false;
    std::memcpy(this, bytes.data(), sizeof *this);
    return true;
  }
};
static_assert(sizeof(TerminalModes) == 44);

// Flags and keys that we look at, with their values on x86.
enum : std::uint32_t { kXon = 02000 };                                                                              // c_iflag
enum : std::uint32_t { kCanonical = 02, kEcho = 010, kExtended = 0100000, kExternal = 0200000 };                  // c_lflag: ICANON ECHO IEXTEN EXTPROC
enum : unsigned { kKeyEof = 4, kKeyTime = 5, kKeyMin = 6, kKeyStart = 8, kKeyStop = 9, kKeyEol = 11, kKeyReprint = 12, kKeyNext = 15, kKeyEol2 = 16 };  // c_cc

// Of the slave, by a descriptor of either end. Return 0 or a negative errno.
inline long get_modes(int fd, TerminalModes& modes) noexcept { return call(SYS_ioctl, fd, 0x802C542A /* TCGETS2 */, &modes); }
inline long set_modes(int fd, const TerminalModes& modes) noexcept { return call(SYS_ioctl, fd, 0x402C542B /* TCSETS2 */, &modes); }

// Whether reading gives lines: not if a program elsewhere makes them (EXTPROC).
inline bool gives_lines(const TerminalModes& modes) noexcept { return (modes.local & kCanonical) != 0 && (modes.local & kExternal) == 0; }

}  // namespace stasis::sys
