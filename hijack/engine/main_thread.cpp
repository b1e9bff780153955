// See main_thread.hpp.
// World: hijack.
#include "hijack/engine/main_thread.hpp"

#include "hijack/rt/file.hpp"
#include "hijack/rt/text.hpp"

namespace stasis::hijack {

bool main_thread_has_ended() noexcept {
  char buffer[1024];
  const std::string_view file = read_small("/proc/self/stat", buffer, sizeof buffer);
  Text text(from(file, file.rfind(')') + 1));
  const std::string_view state = text.word();
  return state == "Z" || state == "X";
}

}  // namespace stasis::hijack
