// What the image holds of a terminal that the program was launched from: how the program had set it.
//
// World: all.
#pragma once
#include <cstdint>
#include <string_view>

namespace stasis::image {

struct Terminal {
  std::string_view modes;  // struct termios2 (core/sys/terminal_modes.hpp); empty: it was hung up
  std::string_view size;   // struct winsize
  template <class Self, class Archive>
  static void fields(Self& self, Archive& archive) {
    archive("modes", self.modes);
    archive("size", self.size);
  }
};

// DescriptionRecord.stdio of a terminal that is none of the standard streams: the controlling one.
inline constexpr std::uint32_t kControllingTerminal = 3;

}  // namespace stasis::image
