// The launcher's terminal: the one that the program is restarted from takes its place.
//
// A terminal that is neither this nor the program's own (pseudo_terminal.cpp) is refused.
// World: hijack, leader.
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "core/image/states/terminal.hpp"
#include "core/sys/terminal_modes.hpp"
#include "hijack/engine/process_record.hpp"
#include "hijack/kinds/kind.hpp"

namespace stasis::hijack {
namespace {

bool is_terminal(const struct stat& status) noexcept {
  if (!S_ISCHR(status.st_mode)) return false;
  const unsigned number = major(status.st_rdev);
  // Documentation/admin-guide/devices.txt: 4 virtual consoles and serial lines, 5:0 /dev/tty, 5:1 /dev/console, 136..143 pseudo-terminals.
  return number == 4 || (number == 5 && minor(status.st_rdev) <= 1) || (number >= 136 && number <= 143);
}

bool recognise(Description& description) noexcept {
  if (!is_terminal(description.status)) return false;
  const int index = stdio_index(description.status);
  const bool controlling = description.status.st_rdev == makedev(5, 0) || description.status.st_rdev == controlling_terminal();
  if (index < 0 && !controlling) return false;
  description.record.kind = image::DescriptionKind::terminal;
  description.record.stdio = index < 0 ? image::kControllingTerminal : static_cast<std::uint32_t>(index);
  return true;
}

Status record(Description& description, Sink& sink) noexcept {
  image::Terminal state;
  sys::TerminalModes modes;
  winsize size{};
  if (sys::get_modes(description.fd, modes) == 0) state.modes = sink.arena.copy(modes.bytes());
  if (sys::call(SYS_ioctl, description.fd, TIOCGWINSZ, &size) == 0) state.size = sink.arena.copy({reinterpret_cast<const char*>(&size), sizeof size});
  return set_state(description, sink.arena, state);
}

}  // namespace

const Kind kinds_detail::terminal{recognise, record};

}  // namespace stasis::hijack
